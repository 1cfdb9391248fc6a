//! A data file of Apache Parquet, compressed with Snappy, by the schema of AWS's reports.

use std::fmt::Write as _;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::columns::{ALWAYS, Column, Kind, Value};
use super::row::Row;
use crate::error::{Code, S3Error};

/// Rows of a group, which waits in memory until it is full.
const GROUP_ROWS: usize = 50_000;
/// Or so many bytes of them.
const GROUP_BYTES: usize = 8 << 20;

pub(super) struct ParquetFile {
    columns: Vec<&'static Column>,
    writer: SerializedFileWriter<Vec<u8>>,
    waiting: Vec<Row>,
    weight: usize,
}

impl From<ParquetError> for S3Error {
    fn from(error: ParquetError) -> Self {
        tracing::error!(%error, "a Parquet file could not be written");
        Code::InternalError.into()
    }
}

/// The schema, as it also stands in the manifest.
pub(super) fn schema(columns: &[&'static Column]) -> String {
    let mut schema = String::from("message s3.inventory {");
    for column in columns {
        let presence = if is_required(column) {
            "required"
        } else {
            "optional"
        };
        let (physical, logical) = match column.kind {
            Kind::Text => ("binary", " (UTF8)"),
            Kind::Flag => ("boolean", ""),
            Kind::Number => ("int64", ""),
            Kind::Time => ("int64", " (TIMESTAMP_MILLIS)"),
        };
        // Writing to a string does not fail.
        let _ = write!(schema, " {presence} {physical} {}{logical};", column.snake);
    }
    schema.push_str(" }");
    schema
}

fn is_required(column: &Column) -> bool {
    ALWAYS.iter().any(|always| always.name == column.name)
}

impl ParquetFile {
    pub(super) fn new(columns: Vec<&'static Column>) -> Result<Self, ParquetError> {
        let schema = parse_message_type(&schema(&columns))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("sealgate".to_owned())
            .build();
        Ok(Self {
            columns,
            writer: SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?,
            waiting: Vec::new(),
            weight: 0,
        })
    }

    pub(super) fn push(&mut self, rows: Vec<Row>) -> Result<(), ParquetError> {
        self.weight += rows.iter().map(Row::weight).sum::<usize>();
        self.waiting.extend(rows);
        if self.waiting.len() >= GROUP_ROWS || self.weight >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.waiting);
        self.weight = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in &self.columns {
            let writer = group.next_column()?;
            let writer =
                writer.ok_or_else(|| ParquetError::General("a column is missing".into()))?;
            write_column(column, &rows, writer)?;
        }
        group.close()?;
        Ok(())
    }

    /// What has become of the rows so far.
    pub(super) fn take(&mut self) -> Vec<u8> {
        // The writer counts what it wrote, and does not look at it again.
        std::mem::take(self.writer.inner_mut())
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, ParquetError> {
        self.write_group()?;
        self.writer.into_inner()
    }
}

fn write_column(
    column: &Column,
    rows: &[Row],
    mut writer: SerializedColumnWriter<'_>,
) -> Result<(), ParquetError> {
    let values = || rows.iter().map(column.value);
    let present: Vec<i16> = values()
        .map(|value| i16::from(value != Value::None))
        .collect();
    let levels = (!is_required(column)).then_some(present.as_slice());
    match column.kind {
        Kind::Text => {
            let values: Vec<_> = values()
                .filter_map(|value| match value {
                    Value::Text(text) => Some(ByteArray::from(text.into_bytes())),
                    _ => None,
                })
                .collect();
            let writer = writer.typed::<ByteArrayType>();
            writer.write_batch(&values, levels, None)?;
        }
        Kind::Flag => {
            let values: Vec<_> = values()
                .filter_map(|value| match value {
                    Value::Flag(flag) => Some(flag),
                    _ => None,
                })
                .collect();
            writer
                .typed::<BoolType>()
                .write_batch(&values, levels, None)?;
        }
        Kind::Number | Kind::Time => {
            let values: Vec<_> = values()
                .filter_map(|value| match value {
                    Value::Number(number) => Some(number),
                    Value::Time(time) => {
                        i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
                    }
                    _ => None,
                })
                .collect();
            writer
                .typed::<Int64Type>()
                .write_batch(&values, levels, None)?;
        }
    }
    writer.close()
}
