package main

// Keys used directly: data keys, and signatures that Go's own library verifies.

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func keys(run *Run, env Environment) {
	client := env.ownerKMS()

	run.check("kms/data-key", func() error {
		key, err := client.CreateKey(ctx, &kms.CreateKeyInput{})
		if err != nil {
			return err
		}
		context := map[string]string{"tenant": "one"}
		made, err := client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
			KeyId: key.KeyMetadata.KeyId, KeySpec: types.DataKeySpecAes256, EncryptionContext: context,
		})
		if err != nil {
			return err
		}
		opened, err := client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: context})
		if err != nil {
			return err
		}
		_, other := client.Decrypt(ctx, &kms.DecryptInput{
			CiphertextBlob: made.CiphertextBlob, EncryptionContext: map[string]string{"tenant": "two"},
		})
		return first(
			same("the length", len(made.Plaintext), 32),
			sameBytes("the data key", opened.Plaintext, made.Plaintext),
			refused(other, 400, "InvalidCiphertextException"),
		)
	})

	signature := func(name string, spec types.KeySpec, algorithm types.SigningAlgorithmSpec,
		verify func(public any, digest, signature []byte) error) {
		run.check(name, func() error {
			key, err := client.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: types.KeyUsageTypeSignVerify})
			if err != nil {
				return err
			}
			id, message := key.KeyMetadata.KeyId, []byte("a message")
			signed, err := client.Sign(ctx, &kms.SignInput{KeyId: id, Message: message, SigningAlgorithm: algorithm})
			if err != nil {
				return err
			}
			public, err := client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: id})
			if err != nil {
				return err
			}
			parsed, err := x509.ParsePKIXPublicKey(public.PublicKey)
			if err != nil {
				return err
			}
			digest := sha256.Sum256(message)
			verified, err := client.Verify(ctx, &kms.VerifyInput{
				KeyId: id, Message: digest[:], MessageType: types.MessageTypeDigest,
				Signature: signed.Signature, SigningAlgorithm: algorithm,
			})
			if err != nil {
				return err
			}
			_, altered := client.Verify(ctx, &kms.VerifyInput{
				KeyId: id, Message: bytes.ToUpper(message), Signature: signed.Signature, SigningAlgorithm: algorithm,
			})
			return first(
				truth("the signature is valid", verified.SignatureValid),
				verify(parsed, digest[:], signed.Signature),
				refused(altered, 400, "KMSInvalidSignatureException"),
				same("the algorithm", aws.ToString((*string)(&signed.SigningAlgorithm)), string(algorithm)),
			)
		})
	}
	signature("kms/rsa-signature", types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPssSha256,
		func(public any, digest, signature []byte) error {
			key, is := public.(*rsa.PublicKey)
			if !is {
				return fmt.Errorf("a key of type %T", public)
			}
			return rsa.VerifyPSS(key, crypto.SHA256, digest, signature, nil)
		})
	signature("kms/ec-signature", types.KeySpecEccNistP256, types.SigningAlgorithmSpecEcdsaSha256,
		func(public any, digest, signature []byte) error {
			key, is := public.(*ecdsa.PublicKey)
			return truth("Go verifies the signature", is && ecdsa.VerifyASN1(key, digest, signature))
		})
}
