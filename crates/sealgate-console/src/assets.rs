//! Styles and scripts, in the program itself. Their addresses hold a hash of their content, so browsers may keep
//! them for good, and a new version of the program is a new address.

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use sealgate_crypto::hash::{Digest as _, Sha256};

use crate::AnswerBody;
use crate::response::whole;

struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static [u8],
}

const ASSETS: [Asset; 8] = [
    Asset {
        name: "console.css",
        content_type: "text/css; charset=utf-8",
        content: include_bytes!("../assets/console.css"),
    },
    Asset {
        name: "console.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../assets/console.js"),
    },
    // https://htmx.org, 4.0.1, under the Zero-Clause BSD licence.
    Asset {
        name: "htmx.min.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../assets/htmx.min.js"),
    },
    Asset {
        name: "charts.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../assets/charts.js"),
    },
    // https://github.com/leeoniya/uPlot, 1.6.32, under the MIT licence.
    Asset {
        name: "uplot.min.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../assets/uplot.min.js"),
    },
    Asset {
        name: "uplot.min.css",
        content_type: "text/css; charset=utf-8",
        content: include_bytes!("../assets/uplot.min.css"),
    },
    Asset {
        name: "upload.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../assets/upload.js"),
    },
    Asset {
        name: "mark.svg",
        content_type: "image/svg+xml",
        content: include_bytes!("../assets/mark.svg"),
    },
];

static HASHES: LazyLock<[String; 8]> = LazyLock::new(|| {
    ASSETS
        .each_ref()
        .map(|asset| hex::encode(&Sha256::digest(asset.content)[..8]))
});

/// Every asset, compressed. None holds a secret that its length could tell of.
static COMPRESSED: LazyLock<[Vec<u8>; 8]> = LazyLock::new(|| {
    ASSETS.each_ref().map(|asset| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let written = encoder.write_all(asset.content);
        written.and_then(|()| encoder.finish()).unwrap_or_default()
    })
});

/// Where an asset is.
pub(crate) fn url(name: &str) -> String {
    let known = ASSETS.iter().zip(HASHES.iter());
    match known.into_iter().find(|(asset, _)| asset.name == name) {
        Some((asset, hash)) => format!("/console/assets/{hash}/{}", asset.name),
        None => String::new(),
    }
}

/// The asset at `/console/assets/HASH/NAME`. An old hash is answered by what there is, which is not to be kept.
pub(crate) fn answer(hash: &str, name: &str, parts: &Parts) -> Option<Response<AnswerBody>> {
    let ((asset, current), compressed) = ASSETS
        .iter()
        .zip(HASHES.iter())
        .zip(COMPRESSED.iter())
        .find(|((asset, _), _)| asset.name == name)?;
    let takes_gzip = parts
        .headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim() == "gzip");
    let gzip = takes_gzip && !compressed.is_empty();
    let tag = format!("\"{current}\"");
    let seen = parts
        .headers
        .get(IF_NONE_MATCH)
        .is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let content = match (seen, gzip) {
        (true, _) => &[][..],
        (false, true) => compressed.as_slice(),
        (false, false) => asset.content,
    };
    let mut response = Response::new(whole(content));
    if seen {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if gzip && !seen {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static(if hash == current {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    Some(response)
}
