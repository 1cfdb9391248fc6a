package main

// Large objects by the transfer manager, multipart uploads by hand, and presigned URLs.

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	managed "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const mib = 1 << 20

// transfer uploads and downloads a large object in parts.
func (b *Bench) transfer(key string, up transfermanager.UploadObjectInput, down transfermanager.DownloadObjectInput) error {
	body := noise(20*mib+1, 4)
	manager := transfermanager.New(b.s3, func(o *transfermanager.Options) { o.PartSizeBytes = 8 * mib })
	up.Bucket, up.Key, up.Body = &b.bucket, &key, bytes.NewReader(body)
	uploaded, err := manager.UploadObject(ctx, &up)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "conformance")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	down.Bucket, down.Key, down.WriterAt = &b.bucket, &key, file
	if _, err := manager.DownloadObject(ctx, &down); err != nil {
		return err
	}
	got, err := os.ReadFile(file.Name())
	return first(
		err,
		sameBytes("the download", got, body),
		truth("three parts", strings.HasSuffix(aws.ToString(uploaded.ETag), `-3"`)),
	)
}

func transfers(b *Bench) {
	b.check("transfer-manager", func() error {
		err := b.transfer("managed", transfermanager.UploadObjectInput{}, transfermanager.DownloadObjectInput{})
		if err != nil {
			return err
		}
		part, err := b.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: aws.String("managed"), PartNumber: aws.Int32(3)})
		if err != nil {
			return err
		}
		last, err := drain(part.Body)
		return first(
			err,
			sameBytes("the last part", last, noise(20*mib+1, 4)[16*mib:]),
			same("the number of parts", aws.ToInt32(part.PartsCount), 3),
		)
	})
	b.check("transfer-manager-checksum", func() error {
		err := b.transfer("managed-sum", transfermanager.UploadObjectInput{
			ChecksumAlgorithm: managed.ChecksumAlgorithmSha256,
		}, transfermanager.DownloadObjectInput{})
		if err != nil {
			return err
		}
		head, err := b.summed("managed-sum")
		if err != nil {
			return err
		}
		return truth("a composite SHA-256", head.ChecksumType == types.ChecksumTypeComposite && head.ChecksumSHA256 != nil)
	})
	b.check("multipart-by-hand", func() error {
		key, body := aws.String("by-hand"), noise(6*mib, 5)
		made, err := b.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
			Bucket: &b.bucket, Key: key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme,
			ChecksumType: types.ChecksumTypeFullObject,
		})
		if err != nil {
			return err
		}
		var parts []types.CompletedPart
		for number, piece := range [][]byte{body[:5*mib], body[5*mib:]} {
			part, err := b.s3.UploadPart(ctx, &s3.UploadPartInput{
				Bucket: &b.bucket, Key: key, UploadId: made.UploadId, PartNumber: aws.Int32(int32(number + 1)),
				Body: bytes.NewReader(piece), ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme,
			})
			if err != nil {
				return err
			}
			parts = append(parts, types.CompletedPart{
				PartNumber: aws.Int32(int32(number + 1)), ETag: part.ETag, ChecksumCRC64NVME: part.ChecksumCRC64NVME,
			})
		}
		listed, err := b.s3.ListParts(ctx, &s3.ListPartsInput{Bucket: &b.bucket, Key: key, UploadId: made.UploadId})
		if err != nil {
			return err
		}
		_, err = b.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &b.bucket, Key: key, UploadId: made.UploadId, IfNoneMatch: aws.String("*"),
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
		if err != nil {
			return err
		}
		aborted, err := b.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &b.bucket, Key: key})
		if err != nil {
			return err
		}
		_, err = b.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.bucket, Key: key, UploadId: aborted.UploadId})
		_, gone := b.s3.ListParts(ctx, &s3.ListPartsInput{Bucket: &b.bucket, Key: key, UploadId: aborted.UploadId})
		return first(err, same("the parts", len(listed.Parts), 2), b.holds("by-hand", body), refused(gone, 404, "NoSuchUpload"))
	})
}

func presigned(b *Bench) {
	signer := s3.NewPresignClient(b.s3, s3.WithPresignExpires(5*time.Minute))
	plain := plainClient()
	key, body := aws.String("presigned/a b+c//d%2Fé"), []byte("by URL")

	b.check("presigned-put", func() error {
		signed, err := signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: &b.bucket, Key: key, Body: bytes.NewReader(body)})
		if err != nil {
			return err
		}
		status, answer, err := send(plain, signed.Method, signed.URL, signed.SignedHeader, body)
		return first(err, same("the status ("+answer+")", status, 200), b.holds(*key, body))
	})
	b.check("presigned-get", func() error {
		signed, err := signer.PresignGetObject(ctx, &s3.GetObjectInput{
			Bucket: &b.bucket, Key: key, ResponseContentType: aws.String("text/x-own"),
		})
		if err != nil {
			return err
		}
		status, answer, err := send(plain, signed.Method, signed.URL, signed.SignedHeader, nil)
		return first(err, same("the status", status, 200), same("the body", answer, string(body)))
	})
	b.check("presigned-altered-is-refused", func() error {
		signed, err := signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: key})
		if err != nil {
			return err
		}
		status, answer, err := send(plain, signed.Method, strings.Replace(signed.URL, "presigned", "presignee", 1), signed.SignedHeader, nil)
		return first(err, same("the status", status, 403), truth(answer, strings.Contains(answer, "SignatureDoesNotMatch")))
	})
}

// plainClient knows no credentials, and trusts the endpoint's authority.
func plainClient() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(variable("AWS_CA_BUNDLE"))))
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

func send(client *http.Client, method, url string, headers http.Header, body []byte) (int, string, error) {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for name, values := range headers {
		request.Header[name] = values
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("%s %s: %w", method, url, err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(read), err
}
