package main

// The story of a key: who administers it, who uses it, who may not, and what the trail says of each.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var administration = []string{
	"kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Get*", "kms:Disable*",
	"kms:RotateKeyOnDemand", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion", "kms:RevokeGrant",
}
var use = []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}

type statement struct {
	Sid, Effect, Resource string
	Principal             map[string]string
	Action                []string
}

func allow(sid string, who User, actions []string) statement {
	return statement{Sid: sid, Effect: "Allow", Principal: map[string]string{"AWS": who.arn}, Action: actions, Resource: "*"}
}

func policy(statements ...statement) string {
	return string(must(json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})))
}

func story(run *Run, env Environment) {
	bucket := "go-story"
	ada, alice := env.kms(env.ada), env.kms(env.alice)
	plain := noise(100_000, 1)
	var key, grant string

	write := func(who User, name string) error {
		put, err := env.s3(who).PutObject(ctx, &s3.PutObjectInput{
			Bucket: &bucket, Key: &name, Body: bytes.NewReader(plain),
			ServerSideEncryption: s3types.ServerSideEncryptionAwsKms, SSEKMSKeyId: &key,
		})
		if err != nil {
			return err
		}
		return first(
			same("the mode", put.ServerSideEncryption, s3types.ServerSideEncryptionAwsKms),
			same("the key", aws.ToString(put.SSEKMSKeyId), key),
		)
	}
	get := func(who User, name string) ([]byte, error) {
		got, err := env.s3(who).GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &name})
		if err != nil {
			return nil, err
		}
		return drain(got.Body)
	}
	read := func(who User, name string) error {
		got, err := get(who, name)
		return first(err, sameBytes(name, got, plain))
	}
	notRead := func(who User, name string, status int, code string, words ...string) error {
		_, err := get(who, name)
		return refused(err, status, code, words...)
	}

	run.check("story/create-key", func() error {
		document := policy(allow("Administrators", env.ada, administration), allow("Users", env.alice, use))
		made, err := ada.CreateKey(ctx, &kms.CreateKeyInput{Description: aws.String("story"), Policy: &document})
		if err != nil {
			return err
		}
		key = aws.ToString(made.KeyMetadata.Arn)
		_, err = ada.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/go-story"), TargetKeyId: &key})
		if err != nil {
			return err
		}
		seen, err := alice.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/go-story")})
		if err != nil {
			return err
		}
		return same("the key of the alias", aws.ToString(seen.KeyMetadata.Arn), key)
	})

	run.check("story/alice-writes-and-reads", func() error {
		_, err := env.ownerS3("https").CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
		return first(err, write(env.alice, "one"), write(env.alice, "two"), read(env.alice, "one"))
	})

	run.check("story/bob-with-full-s3-is-refused", func() error {
		return notRead(env.bob, "one", 403, "AccessDenied", "kms:Decrypt")
	})

	// She administers; she does not read.
	run.check("story/administrator-is-refused", func() error {
		_, err := ada.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &key, KeySpec: kmstypes.DataKeySpecAes256})
		return first(
			refused(err, 400, "AccessDeniedException", "kms:GenerateDataKey"),
			notRead(env.ada, "one", 403, "AccessDenied", "kms:Decrypt"),
		)
	})

	run.check("story/grant-for-one-context", func() error {
		made, err := ada.CreateGrant(ctx, &kms.CreateGrantInput{
			KeyId: &key, GranteePrincipal: &env.bob.arn, Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
			Constraints: &kmstypes.GrantConstraints{
				EncryptionContextSubset: map[string]string{"aws:s3:arn": "arn:aws:s3:::" + bucket + "/one"},
			},
		})
		if err != nil {
			return err
		}
		grant = aws.ToString(made.GrantId)
		listed, err := ada.ListGrants(ctx, &kms.ListGrantsInput{KeyId: &key})
		if err != nil {
			return err
		}
		return first(
			read(env.bob, "one"),
			notRead(env.bob, "two", 403, "AccessDenied"),
			truth("the grant is the one listed", len(listed.Grants) == 1 && aws.ToString(listed.Grants[0].GrantId) == grant),
		)
	})

	run.check("story/rotation-keeps-all-readable", func() error {
		context := map[string]string{"purpose": "story"}
		old, err := alice.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("before"), EncryptionContext: context})
		if err != nil {
			return err
		}
		if _, err = ada.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: &key}); err != nil {
			return err
		}
		opened, err := alice.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: old.CiphertextBlob, EncryptionContext: context})
		if err != nil {
			return err
		}
		listed, err := ada.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: &key})
		if err != nil {
			return err
		}
		return first(
			same("what was encrypted before", string(opened.Plaintext), "before"),
			truth("one rotation, on demand", len(listed.Rotations) == 1 &&
				listed.Rotations[0].RotationType == kmstypes.RotationTypeOnDemand),
			read(env.alice, "two"), read(env.bob, "one"),
			write(env.alice, "three"), read(env.alice, "three"),
		)
	})

	run.check("story/revoked-grant", func() error {
		_, err := ada.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: &key, GrantId: &grant})
		return first(err, notRead(env.bob, "one", 403, "AccessDenied", "kms:Decrypt"))
	})

	run.check("story/disabled", func() error {
		if _, err := ada.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &key}); err != nil {
			return err
		}
		_, err := alice.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
		err = first(
			refused(err, 400, "DisabledException"),
			notRead(env.alice, "one", 400, "KMS.DisabledException"),
		)
		_, enabled := ada.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &key})
		return first(err, enabled, read(env.alice, "one"))
	})

	run.check("story/deletion-scheduled-and-cancelled", func() error {
		scheduled, err := ada.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)})
		if err != nil {
			return err
		}
		_, encrypted := alice.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
		err = first(
			same("the state", scheduled.KeyState, kmstypes.KeyStatePendingDeletion),
			truth("the date of deletion is in the future", scheduled.DeletionDate.After(time.Now())),
			refused(encrypted, 400, "KMSInvalidStateException"),
			notRead(env.alice, "one", 400, "KMS.KMSInvalidStateException"),
		)
		_, cancelled := ada.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &key})
		_, enabled := ada.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &key})
		return first(err, cancelled, enabled, read(env.alice, "one"))
	})

	for _, told := range []struct {
		event, error string
		who          User
	}{
		{"CreateKey", "", env.ada}, {"GenerateDataKey", "", env.alice}, {"Decrypt", "", env.alice},
		{"Decrypt", "AccessDeniedException", env.bob}, {"CreateGrant", "", env.ada}, {"Decrypt", "", env.bob},
		{"RotateKeyOnDemand", "", env.ada}, {"RevokeGrant", "", env.ada}, {"DisableKey", "", env.ada},
		{"Decrypt", "DisabledException", env.alice}, {"ScheduleKeyDeletion", "", env.ada},
		{"CancelKeyDeletion", "", env.ada},
	} {
		name := "story/trail-tells-" + told.event + "-by-" + strings.Split(told.who.arn, "/")[1]
		if told.error != "" {
			name += "-" + told.error
		}
		run.check(name, func() error { return inTrail(env, told.event, told.who.arn, told.error, key) })
	}
}

// inTrail wants a record of the event: who, which key, and how it ended. Uses of keys by S3 are on record
// within a second, so it asks again for a while.
func inTrail(env Environment, name, who, outcome, key string) error {
	type record struct {
		ErrorCode    string
		UserIdentity struct{ Arn string }
		Resources    []struct{ ARN string }
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		pages := cloudtrail.NewLookupEventsPaginator(env.trail(), &cloudtrail.LookupEventsInput{
			LookupAttributes: []trailtypes.LookupAttribute{
				{AttributeKey: trailtypes.LookupAttributeKeyEventName, AttributeValue: &name},
			},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, event := range page.Events {
				var found record
				if err := json.Unmarshal([]byte(aws.ToString(event.CloudTrailEvent)), &found); err != nil {
					return err
				}
				for _, resource := range found.Resources {
					if resource.ARN == key && found.UserIdentity.Arn == who && found.ErrorCode == outcome {
						return nil
					}
				}
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no record of %s by %s that ended in %q", name, who, outcome)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
