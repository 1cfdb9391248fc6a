//! A data file of comma-separated values, compressed with gzip: every field in quotes, and no line of names, as in
//! AWS's reports. Keys are URL-encoded, access control lists are base64.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sealgate_wire::encode_path;

use super::columns::{Column, Value};
use super::row::Row;
use crate::error::{Code, Result};
use crate::response::iso;

pub(super) struct CsvFile {
    columns: Vec<&'static Column>,
    gzip: GzEncoder<Vec<u8>>,
}

impl CsvFile {
    pub(super) fn new(columns: Vec<&'static Column>) -> Self {
        Self {
            columns,
            gzip: GzEncoder::new(Vec::new(), Compression::default()),
        }
    }

    pub(super) fn push(&mut self, rows: &[Row]) -> Result<()> {
        let mut text = String::new();
        for row in rows {
            for (n, column) in self.columns.iter().enumerate() {
                text.push_str(if n == 0 { "\"" } else { ",\"" });
                // Quotes are doubled, though no value has any.
                text.push_str(&field(column, row).replace('"', "\"\""));
                text.push('"');
            }
            text.push('\n');
        }
        let written = self.gzip.write_all(text.as_bytes());
        written.map_err(|_| Code::InternalError.into())
    }

    /// What has become of the rows so far.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.gzip.get_mut())
    }

    pub(super) fn finish(self) -> Result<Vec<u8>> {
        let end = self.gzip.finish();
        end.map_err(|_| Code::InternalError.into())
    }
}

fn field(column: &Column, row: &Row) -> String {
    match (column.value)(row) {
        Value::None => String::new(),
        Value::Text(text) if column.name == "Key" => encode_path(&text),
        Value::Text(text) if column.name == "ObjectAccessControlList" => STANDARD.encode(text),
        Value::Text(text) => text,
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Time(time) => iso(time),
    }
}
