package main

// Objects: put, get, ranges, copies, listings, deletes; conditions; keys that need care in a path.

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (b *Bench) put(key string, body []byte) error {
	_, err := b.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.bucket, Key: &key, Body: bytes.NewReader(body)})
	return err
}

func (b *Bench) get(key string) ([]byte, error) {
	got, err := b.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	return drain(got.Body)
}

func (b *Bench) holds(key string, want []byte) error {
	got, err := b.get(key)
	return first(err, sameBytes(key, got, want))
}

func (b *Bench) absent(key string) error {
	_, err := b.get(key)
	return refused(err, 404, "NoSuchKey")
}

func (b *Bench) delete(key string) error {
	_, err := b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: &key})
	return err
}

func etag(body []byte) string {
	sum := md5.Sum(body)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func objects(b *Bench) {
	body := noise(200_000, 2)

	b.check("put-get-head-delete", func() error {
		put, err := b.s3.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &b.bucket, Key: aws.String("object"), Body: bytes.NewReader(body),
			ContentType: aws.String("text/x-test"), CacheControl: aws.String("no-store"),
			Metadata: map[string]string{"colour": "blue and  green"},
		})
		if err != nil {
			return err
		}
		head, err := b.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: aws.String("object")})
		if err != nil {
			return err
		}
		err = first(
			same("the ETag", aws.ToString(put.ETag), etag(body)),
			same("the ETag of HEAD", aws.ToString(head.ETag), etag(body)),
			same("the length", aws.ToInt64(head.ContentLength), int64(len(body))),
			same("the type", aws.ToString(head.ContentType), "text/x-test"),
			same("the caching", aws.ToString(head.CacheControl), "no-store"),
			same("the metadata", head.Metadata["colour"], "blue and  green"),
			same("the mode", head.ServerSideEncryption, types.ServerSideEncryptionAes256),
			b.holds("object", body),
			b.delete("object"),
			b.absent("object"),
		)
		_, gone := b.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: aws.String("object")})
		return first(err, refused(gone, 404, "NotFound"), b.put("empty", nil), b.holds("empty", nil))
	})

	b.check("range", func() error {
		if err := b.put("ranged", body); err != nil {
			return err
		}
		for spec, want := range map[string][]byte{
			"bytes=0-0": body[:1], "bytes=65530-65545": body[65530:65546],
			"bytes=199990-": body[199990:], "bytes=-7": body[len(body)-7:],
		} {
			got, err := b.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: aws.String("ranged"), Range: &spec})
			if err != nil {
				return err
			}
			read, err := drain(got.Body)
			if err := first(err, sameBytes(spec, read, want)); err != nil {
				return err
			}
			if !strings.HasSuffix(aws.ToString(got.ContentRange), "/200000") {
				return fmt.Errorf("Content-Range is %q", aws.ToString(got.ContentRange))
			}
		}
		_, err := b.s3.GetObject(ctx, &s3.GetObjectInput{
			Bucket: &b.bucket, Key: aws.String("ranged"), Range: aws.String("bytes=200000-"),
		})
		return refused(err, 416, "InvalidRange")
	})

	b.check("copy", func() error {
		if err := b.put("a source+", body); err != nil {
			return err
		}
		copied, err := b.s3.CopyObject(ctx, &s3.CopyObjectInput{
			Bucket: &b.bucket, Key: aws.String("copy"), CopySource: aws.String(b.bucket + "/" + url.PathEscape("a source") + "%2B"),
			MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"made": "by copy"},
		})
		if err != nil {
			return err
		}
		head, err := b.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: aws.String("copy")})
		if err != nil {
			return err
		}
		return first(
			same("the ETag", aws.ToString(copied.CopyObjectResult.ETag), etag(body)),
			same("the metadata", head.Metadata["made"], "by copy"),
			b.holds("copy", body),
		)
	})

	b.check("list-and-delete-objects", func() error {
		var want []string
		for number := range 5 {
			key := fmt.Sprintf("list/%d", number)
			want = append(want, key)
			if err := b.put(key, []byte{1}); err != nil {
				return err
			}
		}
		if err := b.put("list/below/x", nil); err != nil {
			return err
		}
		var got, prefixes []string
		pages := s3.NewListObjectsV2Paginator(b.s3, &s3.ListObjectsV2Input{
			Bucket: &b.bucket, Prefix: aws.String("list/"), Delimiter: aws.String("/"), MaxKeys: aws.Int32(2),
		})
		count := 0
		for ; pages.HasMorePages(); count++ {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, entry := range page.Contents {
				got = append(got, aws.ToString(entry.Key))
			}
			for _, entry := range page.CommonPrefixes {
				prefixes = append(prefixes, aws.ToString(entry.Prefix))
			}
		}
		var identifiers []types.ObjectIdentifier
		for _, key := range append(want, "list/below/x") {
			identifiers = append(identifiers, types.ObjectIdentifier{Key: aws.String(key)})
		}
		deleted, err := b.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &b.bucket, Delete: &types.Delete{Objects: identifiers},
		})
		if err != nil {
			return err
		}
		left, err := b.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: aws.String("list/")})
		if err != nil {
			return err
		}
		return first(
			same("the keys", strings.Join(got, " "), strings.Join(want, " ")),
			same("the prefixes", strings.Join(prefixes, " "), "list/below/"),
			same("the pages", count, 3),
			same("the deleted", len(deleted.Deleted), 6),
			same("the errors", len(deleted.Errors), 0),
			same("the keys left", aws.ToInt32(left.KeyCount), 0),
		)
	})
}

// names are keys that a client or a gateway may spell in another way than the other.
func names(b *Bench) {
	for name, key := range map[string]string{
		"double-slash": "names/a//b", "leading-slash": "/names/a", "only-slashes": "names///", "plus": "names/a+b",
		"escape": "names/a%2Fb", "space": "names/a b  c", "unicode": "names/é日本🦀", "marks": "names/~!*'();:@&=$,?#[]",
		"dots": "names/a/../b/./c", "backslash": `names/a\b|c"<>^{}`,
	} {
		b.check("key-"+name, func() error {
			body := []byte(key)
			if err := first(b.put(key, body), b.holds(key, body)); err != nil {
				return err
			}
			listed, err := b.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: &key})
			if err != nil {
				return err
			}
			return first(
				truth("the listing has it", len(listed.Contents) == 1 && aws.ToString(listed.Contents[0].Key) == key),
				b.delete(key),
				b.absent(key),
			)
		})
	}
}

func conditions(b *Bench) {
	one, two := []byte("one"), []byte("two")

	b.check("conditional-writes", func() error {
		write := func(body []byte, ifMatch, ifNoneMatch *string) error {
			_, err := b.s3.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &b.bucket, Key: aws.String("condition"), Body: bytes.NewReader(body),
				IfMatch: ifMatch, IfNoneMatch: ifNoneMatch,
			})
			return err
		}
		return first(
			refused(write(one, aws.String(etag(one)), nil), 404, "NoSuchKey"),
			write(one, nil, aws.String("*")),
			refused(write(two, nil, aws.String("*")), 412, "PreconditionFailed"),
			refused(write(two, aws.String(etag(two)), nil), 412, "PreconditionFailed"),
			b.holds("condition", one),
			write(two, aws.String(etag(one)), nil),
			b.holds("condition", two),
		)
	})

	b.check("conditional-reads", func() error {
		read := func(input s3.GetObjectInput) error {
			input.Bucket, input.Key = &b.bucket, aws.String("read")
			got, err := b.s3.GetObject(ctx, &input)
			if err == nil {
				_, err = drain(got.Body)
			}
			return err
		}
		return first(
			b.put("read", one),
			read(s3.GetObjectInput{IfMatch: aws.String(etag(one))}),
			refused(read(s3.GetObjectInput{IfMatch: aws.String(etag(two))}), 412, "PreconditionFailed"),
			refused(read(s3.GetObjectInput{IfNoneMatch: aws.String(etag(one))}), 304, ""),
			read(s3.GetObjectInput{IfNoneMatch: aws.String(etag(two))}),
		)
	})
}
