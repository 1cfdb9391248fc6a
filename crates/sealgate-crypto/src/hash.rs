//! SHA-2: types with the trait [`Digest`], as RustCrypto's have it.

pub use sha2::Digest;

#[cfg(not(feature = "fips"))]
pub use sha2::{Sha256, Sha384, Sha512};

#[cfg(feature = "fips")]
pub use of_aws_lc::{Sha256, Sha384, Sha512};

#[cfg(feature = "fips")]
mod of_aws_lc {
    use aws_lc_rs::digest::{Context, SHA256, SHA384, SHA512};
    use sha2::digest::consts::{U32, U48, U64};
    use sha2::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};

    macro_rules! hash {
        ($name:ident, $algorithm:ident, $size:ident, $about:literal) => {
            #[doc = $about]
            #[derive(Clone)]
            pub struct $name(Context);

            impl Default for $name {
                fn default() -> Self {
                    Self(Context::new(&$algorithm))
                }
            }

            impl OutputSizeUser for $name {
                type OutputSize = $size;
            }

            impl Update for $name {
                fn update(&mut self, data: &[u8]) {
                    self.0.update(data);
                }
            }

            impl FixedOutput for $name {
                fn finalize_into(self, out: &mut Output<Self>) {
                    out.copy_from_slice(self.0.finish().as_ref());
                }
            }

            impl HashMarker for $name {}
        };
    }

    hash!(Sha256, SHA256, U32, "SHA-256 of AWS-LC.");
    hash!(Sha384, SHA384, U48, "SHA-384 of AWS-LC.");
    hash!(Sha512, SHA512, U64, "SHA-512 of AWS-LC.");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4, by way of the examples at <https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values>
    #[test]
    fn the_examples_of_nist_come_out_however_the_text_is_cut() {
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(Sha256::digest(b"abc")), sha256);
        let mut cut = Sha256::new_with_prefix(b"a");
        cut.update(b"b");
        let fork = cut.clone();
        assert_eq!(hex::encode(cut.chain_update(b"c").finalize()), sha256);
        assert_eq!(fork.finalize(), Sha256::digest(b"ab"));
        assert_eq!(
            hex::encode(Sha384::digest(b"abc")),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7"
        );
        assert_eq!(
            hex::encode(Sha512::digest(b"abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
    }
}
