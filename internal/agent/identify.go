package agent

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"slipway/api/awsproto/sigv4"
)

// identify finds out what the host is called. An instance's name becomes its ARN in the account of the key.
func (a *agent) identify(ctx context.Context) error {
	if a.identity = a.HostIdentifier; a.identity != "" {
		return nil
	}
	for wait := (backoff{}); ; wait.sleep(ctx) {
		arn, account, err := a.caller(ctx)
		if err == nil {
			a.identity = arn
			if a.Name != "" {
				a.identity = "arn:aws:codedeploy:" + a.Region + ":" + account + ":instance/" + a.Name
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if refused := a.refused(err); refused != nil {
			return refused
		}
		if wait.first() {
			a.Log.Warn("the server can't be asked who this host is; trying again", "error", err)
		}
	}
}

// caller asks sts:GetCallerIdentity.
func (a *agent) caller(ctx context.Context) (arn, account string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(a.Endpoint, "/")+"/",
		strings.NewReader(body))
	if err != nil {
		return "", "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a.Credentials.Sign(r, sigv4.HexSHA256([]byte(body)), a.Region, "sts", time.Now())
	resp, err := a.HTTP.Do(r)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", "", err
	}
	var x struct {
		Arn     string `xml:"GetCallerIdentityResult>Arn"`
		Account string `xml:"GetCallerIdentityResult>Account"`
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if err := xml.Unmarshal(answer, &x); err != nil || x.Arn == "" {
		if key := newKeyError(x.Code, x.Message); key != nil {
			return "", "", key
		}
		return "", "", fmt.Errorf("GetCallerIdentity answered %s: %s %s", resp.Status, x.Code, x.Message)
	}
	return x.Arn, x.Account, nil
}
