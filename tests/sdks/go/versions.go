package main

// Versions. Where the endpoint answers 501 to PutBucketVersioning they are skipped.

import (
	"bytes"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func versions(bench *Bench) {
	b := *bench
	b.bucket += "-versions"
	key := aws.String("versioned")
	one, two, three := []byte("one"), []byte("two"), []byte("three")
	var first1, second *string

	turn := func(status types.BucketVersioningStatus) error {
		_, err := b.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket: &b.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: status},
		})
		if notImplemented(err) {
			return notThere{"PutBucketVersioning answers 501"}
		}
		return err
	}
	put := func(body []byte) (*string, error) {
		made, err := b.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.bucket, Key: key, Body: bytes.NewReader(body)})
		if err != nil {
			return nil, err
		}
		return made.VersionId, nil
	}
	holds := func(version *string, want []byte) error {
		got, err := b.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: key, VersionId: version})
		if err != nil {
			return err
		}
		read, err := drain(got.Body)
		return first(err, sameBytes("the version", read, want), same("its id", aws.ToString(got.VersionId), *version))
	}

	b.check("versions-enabled", func() error {
		if _, err := b.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &b.bucket}); err != nil {
			return err
		}
		if err := turn(types.BucketVersioningStatusEnabled); err != nil {
			return err
		}
		status, err := b.s3.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &b.bucket})
		if err != nil {
			return err
		}
		if first1, err = put(one); err != nil {
			return err
		}
		if second, err = put(two); err != nil {
			return err
		}
		if first1 == nil || second == nil || *first1 == *second {
			return truth("two writes have two version ids", false)
		}
		listed, err := b.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &b.bucket})
		if err != nil {
			return err
		}
		return first(
			same("the status", status.Status, types.BucketVersioningStatusEnabled),
			truth("both are listed, the newer first", len(listed.Versions) == 2 &&
				aws.ToString(listed.Versions[0].VersionId) == *second && aws.ToBool(listed.Versions[0].IsLatest) &&
				aws.ToString(listed.Versions[1].VersionId) == *first1 && !aws.ToBool(listed.Versions[1].IsLatest)),
			holds(first1, one), holds(second, two), b.holds(*key, two),
		)
	})

	b.check("versions-delete-marker", func() error {
		if err := turn(types.BucketVersioningStatusEnabled); err != nil {
			return err
		}
		marked, err := b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: key})
		if err != nil {
			return err
		}
		err = first(
			truth("a delete marker was made", aws.ToBool(marked.DeleteMarker) && marked.VersionId != nil),
			b.absent(*key), holds(second, two),
		)
		if err != nil {
			return err
		}
		_, marker := b.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: key, VersionId: marked.VersionId})
		_, unmarked := b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: key, VersionId: marked.VersionId})
		restored := b.holds(*key, two)
		_, deleted := b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: key, VersionId: second})
		_, gone := b.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: key, VersionId: second})
		return first(
			refused(marker, 405, "MethodNotAllowed"), unmarked, restored, deleted,
			refused(gone, 404, "NoSuchVersion"), b.holds(*key, one),
		)
	})

	b.check("versions-suspended", func() error {
		if err := turn(types.BucketVersioningStatusSuspended); err != nil {
			return err
		}
		if _, err := put(two); err != nil {
			return err
		}
		id, err := put(three)
		if err != nil {
			return err
		}
		listed, err := b.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &b.bucket})
		if err != nil {
			return err
		}
		return first(
			truth("the id is null", id == nil || *id == "null"),
			same("the versions", len(listed.Versions), 2),
			holds(aws.String("null"), three), holds(first1, one), b.holds(*key, three),
		)
	})
}
