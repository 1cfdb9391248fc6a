//! The picture that an authenticator app reads a seed from.

use png::{BitDepth, ColorType, Encoder};
use qrcode::{Color, EcLevel};
use zeroize::Zeroizing;

use crate::error::IamError;

/// White modules around the code, as its standard has it.
const MARGIN: usize = 4;
/// Pixels of a module.
const SCALE: usize = 4;

/// What the picture says, in the form of AWS.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_VirtualMFADevice.html>
pub fn provisioning_uri(name: &str, account_id: &str, seed: &str) -> Zeroizing<String> {
    let label = sealgate_wire::encode(format!("{name}@{account_id}"));
    Zeroizing::new(format!(
        "otpauth://totp/Sealgate:{label}?secret={seed}&issuer=Sealgate"
    ))
}

/// A picture.
pub struct QrCode {
    width: usize,
    dark: Vec<bool>,
}

impl QrCode {
    /// The picture of a text.
    pub fn of(text: &str) -> Result<QrCode, IamError> {
        let code = qrcode::QrCode::with_error_correction_level(text, EcLevel::M)
            .map_err(|error| IamError::Internal(format!("a picture cannot be made: {error}")))?;
        Ok(QrCode {
            width: code.width(),
            dark: code
                .to_colors()
                .into_iter()
                .map(|color| color == Color::Dark)
                .collect(),
        })
    }

    /// Modules on a side, with the margin.
    pub fn size(&self) -> usize {
        self.width + 2 * MARGIN
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let within = |at: usize| at.checked_sub(MARGIN).filter(|at| *at < self.width);
        match (within(x), within(y)) {
            (Some(x), Some(y)) => self.dark.get(y * self.width + x).copied().unwrap_or(false),
            _ => false,
        }
    }

    /// The dark modules as the path of an SVG, a unit each.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for y in 0..self.size() {
            for x in (0..self.size()).filter(|x| self.is_dark(*x, y)) {
                path.push_str(&format!("M{x} {y}h1v1h-1z"));
            }
        }
        path
    }

    /// As a PNG.
    pub fn png(&self) -> Result<Vec<u8>, IamError> {
        let failed = |error: png::EncodingError| IamError::Internal(format!("PNG: {error}"));
        let side = self.size() * SCALE;
        let pixels: Vec<u8> = (0..side * side)
            .map(|at| self.is_dark(at % side / SCALE, at / side / SCALE))
            .map(|dark| if dark { 0 } else { 255 })
            .collect();
        let side = u32::try_from(side).map_err(|error| IamError::Internal(error.to_string()))?;
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, side, side);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&pixels).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(file)
    }
}
