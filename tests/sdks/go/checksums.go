package main

// Checksums: what the SDK does by default, each algorithm, when_required, and bodies that are streams.

import (
	"bytes"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// The check values of the algorithms: their sums of these digits.
const digits = "123456789"

var sums = map[types.ChecksumAlgorithm]string{
	types.ChecksumAlgorithmCrc32:     "y/Q5Jg==",
	types.ChecksumAlgorithmCrc32c:    "4waSgw==",
	types.ChecksumAlgorithmCrc64nvme: "rosUhgp5mIg=",
	types.ChecksumAlgorithmSha1:      "98O8HYCOBHMq32eZZczDTKeuNEE=",
	types.ChecksumAlgorithmSha256:    "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
}

func (b *Bench) summed(key string) (*s3.HeadObjectOutput, error) {
	return b.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
}

func checksums(b *Bench) {
	b.check("checksum-default", func() error {
		if err := b.put("default", []byte(digits)); err != nil {
			return err
		}
		head, err := b.summed("default")
		if err != nil {
			return err
		}
		return first(
			same("CRC32", aws.ToString(head.ChecksumCRC32), sums[types.ChecksumAlgorithmCrc32]),
			same("the type", head.ChecksumType, types.ChecksumTypeFullObject),
			b.holds("default", []byte(digits)),
		)
	})

	for algorithm, want := range sums {
		b.check("checksum-"+string(algorithm), func() error {
			key := "sum-" + string(algorithm)
			_, err := b.s3.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &b.bucket, Key: &key, Body: bytes.NewReader([]byte(digits)), ChecksumAlgorithm: algorithm,
			})
			if err != nil {
				return err
			}
			head, err := b.summed(key)
			if err != nil {
				return err
			}
			got := map[types.ChecksumAlgorithm]*string{
				types.ChecksumAlgorithmCrc32: head.ChecksumCRC32, types.ChecksumAlgorithmCrc32c: head.ChecksumCRC32C,
				types.ChecksumAlgorithmCrc64nvme: head.ChecksumCRC64NVME,
				types.ChecksumAlgorithmSha1:      head.ChecksumSHA1, types.ChecksumAlgorithmSha256: head.ChecksumSHA256,
			}[algorithm]
			return first(same("the sum", aws.ToString(got), want), b.holds(key, []byte(digits)))
		})
	}

	b.check("checksum-wrong-is-refused", func() error {
		_, err := b.s3.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &b.bucket, Key: aws.String("wrong"), Body: bytes.NewReader([]byte(digits)), ChecksumCRC32: aws.String("AAAAAA=="),
		})
		return first(refused(err, 400, "BadDigest"), b.absent("wrong"))
	})

	b.check("checksum-when-required", func() error {
		lean := *b
		lean.s3 = b.env.ownerS3(b.scheme, func(o *s3.Options) {
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		})
		if err := first(lean.put("lean", []byte(digits)), lean.holds("lean", []byte(digits))); err != nil {
			return err
		}
		head, err := lean.summed("lean")
		if err != nil {
			return err
		}
		// An operation that requires a checksum has one all the same.
		_, deleted := lean.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &b.bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("lean")}}},
		})
		return first(
			same("the sum by S3", aws.ToString(head.ChecksumCRC64NVME), sums[types.ChecksumAlgorithmCrc64nvme]),
			deleted,
			b.absent("lean"),
		)
	})

	// aws-chunked with a trailing checksum; this SDK refuses to send a stream over plain HTTP.
	if b.scheme == "https" {
		b.check("stream-with-trailing-checksum", func() error {
			body := noise(300_000, 3)
			_, err := b.s3.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &b.bucket, Key: aws.String("stream"), Body: io.MultiReader(bytes.NewReader(body)),
				ContentLength: aws.Int64(int64(len(body))), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
			})
			if err != nil {
				return err
			}
			head, err := b.summed("stream")
			if err != nil {
				return err
			}
			return first(
				truth("the trailer's sum is kept", head.ChecksumSHA256 != nil),
				truth("aws-chunked is not kept", aws.ToString(head.ContentEncoding) == ""),
				b.holds("stream", body),
			)
		})
	}
}
