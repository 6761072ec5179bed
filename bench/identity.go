package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/codecommit"
	"slipway/internal/identity/access"
	"slipway/internal/identity/managed"
	"slipway/internal/identity/policy"
)

// calls is how often each request is made.
const calls = 2000

// signed measures a signed GetCallerIdentity beside a plain handler at the same server, in turns, and what it takes to
// decide on an operation by ten policies.
func signed(ctx context.Context, b *bench) (string, error) {
	key := sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	plain := func() error { return ask(ctx, http.MethodGet, b.main.url+"/healthz", "", nil) }
	call := func() error {
		return ask(ctx, http.MethodPost, b.main.url+"/", body, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			key.Sign(r, sigv4.HexSHA256([]byte(body)), region, "sts", time.Now())
		})
	}
	var plains, signeds []time.Duration
	for range calls {
		for _, x := range []struct {
			do  func() error
			all *[]time.Duration
		}{{plain, &plains}, {call, &signeds}} {
			start := time.Now()
			if err := x.do(); err != nil {
				return "", err
			}
			*x.all = append(*x.all, time.Since(start))
		}
	}
	decided, err := decide()
	if err != nil {
		return "", err
	}
	p, s := median(plains), median(signeds)
	return fmt.Sprintf("%s, a plain handler %s: %.2f ×; a decision by ten policies %s: %.1f %% of the call",
		micro(s), micro(p), float64(s)/float64(p), micro(decided), 100*float64(decided)/float64(s)), nil
}

func micro(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

func ask(ctx context.Context, method, url, body string, prepare func(*http.Request)) error {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	if prepare != nil {
		prepare(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", url, resp.Status, text)
	}
	return err
}

// decide is how long a decision takes on an operation with one resource, by ten managed policies, of which one allows.
func decide() (time.Duration, error) {
	var sources policy.Sources
	for _, p := range managed.All() {
		if len(sources.Identity) == 10 {
			break
		}
		if !strings.HasPrefix(p.Name, "AWSCode") {
			continue
		}
		read, err := policy.Parse(policy.Identity, p.Document)
		if err != nil {
			return 0, err
		}
		sources.Identity = append(sources.Identity, policy.Attached{Policy: read, ARN: p.ARN, Name: p.Name})
	}
	const account = "123456789012"
	authority := &access.Authority{
		Region:  region,
		Account: account,
		Now:     time.Now,
		Principal: func(context.Context, awsproto.Caller) (access.Principal, error) {
			return access.Principal{Sources: sources}, nil
		},
	}
	ctx := awsproto.WithCaller(context.Background(),
		awsproto.Caller{ARN: "arn:aws:iam::" + account + ":user/ada", Account: account, Name: "ada"})
	in := &codecommit.GetFileInput{RepositoryName: new("greeter"), FilePath: new("a.txt")}
	var operation *awsproto.Operation
	for _, e := range codecommit.New(awsproto.Hooks{}, codecommit.Unimplemented{}).Endpoints() {
		if e.Op.Name == "GetFile" {
			operation = e.Op
		}
	}
	start := time.Now()
	const times = 20_000
	for range times {
		if err := authority.Operation(ctx, operation, in); err != nil {
			return 0, err
		}
	}
	return time.Since(start) / times, nil
}
