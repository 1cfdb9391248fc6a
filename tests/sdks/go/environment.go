package main

// Who the checks act as, and their clients. The account's owner and the endpoint come from the SDK's own
// environment variables, the other users from CONFORMANCE_….

import (
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// User is somebody with an access key.
type User struct {
	arn         string
	credentials aws.CredentialsProvider
}

// Environment is the endpoint and the users of it.
type Environment struct {
	config          aws.Config
	http            string
	ada, alice, bob User
}

func environment() Environment {
	return Environment{
		config: must(config.LoadDefaultConfig(ctx)),
		http:   variable("CONFORMANCE_HTTP_URL"),
		ada:    user("CONFORMANCE_ADA"),
		alice:  user("CONFORMANCE_ALICE"),
		bob:    user("CONFORMANCE_BOB"),
	}
}

func variable(name string) string {
	value := os.Getenv(name)
	if value == "" {
		fmt.Fprintf(os.Stderr, "%s is not set; see ../README.md\n", name)
		os.Exit(2)
	}
	return value
}

// user reads "ACCESS_KEY SECRET ARN".
func user(name string) User {
	words := strings.Fields(variable(name))
	if len(words) != 3 {
		fmt.Fprintf(os.Stderr, "%s is not an access key, a secret and an ARN\n", name)
		os.Exit(2)
	}
	return User{arn: words[2], credentials: credentials.NewStaticCredentialsProvider(words[0], words[1], "")}
}

func (e Environment) kms(who User) *kms.Client {
	return kms.NewFromConfig(e.config, func(o *kms.Options) { o.Credentials = who.credentials })
}

func (e Environment) s3(who User) *s3.Client {
	return s3.NewFromConfig(e.config, func(o *s3.Options) { o.Credentials = who.credentials })
}

// ownerKMS and those below act as the account's owner.
func (e Environment) ownerKMS() *kms.Client { return kms.NewFromConfig(e.config) }

func (e Environment) trail() *cloudtrail.Client { return cloudtrail.NewFromConfig(e.config) }

func (e Environment) ownerS3(scheme string, options ...func(*s3.Options)) *s3.Client {
	ours := func(o *s3.Options) {
		// An object in parts has no checksum that could be checked on reading.
		o.DisableLogOutputChecksumValidationSkipped = true
		if scheme == "http" {
			o.BaseEndpoint = aws.String(e.http)
		}
	}
	return s3.NewFromConfig(e.config, append(options, ours)...)
}

// Bench is a bucket and a client for it, over one scheme.
type Bench struct {
	*Run
	env    Environment
	scheme string
	s3     *s3.Client
	bucket string
}

func newBench(run *Run, env Environment, scheme string) *Bench {
	bench := &Bench{Run: run, env: env, scheme: scheme, s3: env.ownerS3(scheme), bucket: "go-" + scheme}
	bench.check("create-bucket", func() error {
		_, err := bench.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bench.bucket})
		return err
	})
	return bench
}

func (b *Bench) check(name string, body func() error) { b.Run.check(b.scheme+"/"+name, body) }
