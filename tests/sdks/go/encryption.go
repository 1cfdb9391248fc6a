package main

// SSE-KMS, the default of a bucket, and SSE-C.

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	managed "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func encryption(b *Bench) {
	made, err := b.env.ownerKMS().CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		b.check("sse-kms", func() error { return err })
		return
	}
	key, body := made.KeyMetadata.Arn, noise(100_000, 6)

	b.check("sse-kms", func() error {
		context := base64.StdEncoding.EncodeToString(must(json.Marshal(map[string]string{"tenant": "one"})))
		put, err := b.s3.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &b.bucket, Key: aws.String("kms"), Body: bytes.NewReader(body),
			ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: key, SSEKMSEncryptionContext: &context,
			BucketKeyEnabled: aws.Bool(true),
		})
		if err != nil {
			return err
		}
		head, err := b.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: aws.String("kms")})
		if err != nil {
			return err
		}
		return first(
			same("the key", aws.ToString(head.SSEKMSKeyId), *key),
			same("the mode", put.ServerSideEncryption, types.ServerSideEncryptionAwsKms),
			truth("a Bucket Key", aws.ToBool(head.BucketKeyEnabled)),
			truth("the ETag is no MD5", aws.ToString(put.ETag) != etag(body)),
			b.holds("kms", body),
		)
	})
	b.check("sse-kms-transfer-manager", func() error {
		return b.transfer("kms-managed", transfermanager.UploadObjectInput{
			ServerSideEncryption: managed.ServerSideEncryptionAwsKms, SSEKMSKeyID: key,
		}, transfermanager.DownloadObjectInput{})
	})
	b.check("bucket-default-encryption", func() error {
		bucket := b.bucket + "-default"
		if _, err := b.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			return err
		}
		_, err := b.s3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
			Bucket: &bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
				Rules: []types.ServerSideEncryptionRule{{
					ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
						SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: key,
					},
				}},
			},
		})
		if err != nil {
			return err
		}
		put, err := b.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("x"), Body: bytes.NewReader(body)})
		if err != nil {
			return err
		}
		return same("the key", aws.ToString(put.SSEKMSKeyId), *key)
	})

	// The SDKs do not send a customer's key over plain HTTP.
	if b.scheme != "https" {
		return
	}
	algorithm := aws.String("AES256")
	secret, sum := customerKey(7)
	b.check("sse-c", func() error {
		_, err := b.s3.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &b.bucket, Key: aws.String("customer"), Body: bytes.NewReader(body),
			SSECustomerAlgorithm: algorithm, SSECustomerKey: secret, SSECustomerKeyMD5: sum,
		})
		if err != nil {
			return err
		}
		got, err := b.s3.GetObject(ctx, &s3.GetObjectInput{
			Bucket: &b.bucket, Key: aws.String("customer"),
			SSECustomerAlgorithm: algorithm, SSECustomerKey: secret, SSECustomerKeyMD5: sum,
		})
		if err != nil {
			return err
		}
		read, err := drain(got.Body)
		other, otherSum := customerKey(8)
		_, wrong := b.s3.GetObject(ctx, &s3.GetObjectInput{
			Bucket: &b.bucket, Key: aws.String("customer"),
			SSECustomerAlgorithm: algorithm, SSECustomerKey: other, SSECustomerKeyMD5: otherSum,
		})
		_, without := b.get("customer")
		return first(
			err, sameBytes("the object", read, body),
			same("the key's MD5", aws.ToString(got.SSECustomerKeyMD5), *sum),
			refused(wrong, 403, "AccessDenied"), refused(without, 400, "InvalidRequest"),
		)
	})
	b.check("sse-c-transfer-manager", func() error {
		return b.transfer("customer-managed", transfermanager.UploadObjectInput{
			SSECustomerAlgorithm: algorithm, SSECustomerKey: secret, SSECustomerKeyMD5: sum,
		}, transfermanager.DownloadObjectInput{
			SSECustomerAlgorithm: algorithm, SSECustomerKey: secret, SSECustomerKeyMD5: sum,
		})
	})
}

func customerKey(seed uint64) (key, md5OfKey *string) {
	secret := noise(32, seed)
	sum := md5.Sum(secret)
	return aws.String(base64.StdEncoding.EncodeToString(secret)), aws.String(base64.StdEncoding.EncodeToString(sum[:]))
}
