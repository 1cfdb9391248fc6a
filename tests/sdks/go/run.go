package main

// How checks are run and told: `ok NAME`, `FAILED NAME: why`, `skipped NAME: why`.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var ctx = context.Background()

// Run counts the checks.
type Run struct{ passed, failed, skipped int }

// notThere says that the endpoint does not have what a check is about.
type notThere struct{ why string }

func (e notThere) Error() string { return e.why }

func (r *Run) check(name string, body func() error) {
	err := body()
	var absent notThere
	switch {
	case err == nil:
		r.passed++
		fmt.Println("ok", name)
	case errors.As(err, &absent):
		r.skipped++
		fmt.Printf("skipped %s: %s\n", name, absent.why)
	default:
		r.failed++
		fmt.Printf("FAILED %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", " "))
	}
}

func (r *Run) summary() int {
	fmt.Printf("go: %d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	if r.failed > 0 || r.passed == 0 {
		return 1
	}
	return 0
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func same[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, not %v", what, got, want)
	}
	return nil
}

func sameBytes(what string, got, want []byte) error {
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s: %d bytes that are not the %d expected", what, len(got), len(want))
	}
	return nil
}

func truth(what string, holds bool) error {
	if !holds {
		return errors.New("not so: " + what)
	}
	return nil
}

// refused wants an error with this status and code (the code of a HEAD is not sent), whose message has these words.
func refused(err error, status int, code string, words ...string) error {
	if err == nil {
		return fmt.Errorf("was answered, not refused with %s", code)
	}
	var answer *smithyhttp.ResponseError
	var api smithy.APIError
	if !errors.As(err, &answer) || !errors.As(err, &api) {
		return fmt.Errorf("%s expected: %w", code, err)
	}
	if answer.HTTPStatusCode() != status || (code != "" && api.ErrorCode() != code) {
		return fmt.Errorf("%d %s expected: %w", status, code, err)
	}
	for _, word := range words {
		if !strings.Contains(api.ErrorMessage(), word) {
			return fmt.Errorf("%q expected in: %w", word, err)
		}
	}
	return nil
}

// notImplemented tells whether the endpoint answered 501.
func notImplemented(err error) bool {
	var answer *smithyhttp.ResponseError
	return errors.As(err, &answer) && answer.HTTPStatusCode() == 501
}

// noise returns bytes that look like none others, the same ones for the same seed.
func noise(length int, seed uint64) []byte {
	source := rand.New(rand.NewPCG(seed, uint64(length)))
	made := make([]byte, length)
	for at := range made {
		made[at] = byte(source.Uint32())
	}
	return made
}

func drain(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	return io.ReadAll(body)
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return value
}
