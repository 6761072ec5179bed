package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"slipway/api/awsproto"
)

// plain returns what went wrong in plain words, and what to do. Errors of Go and of the system are always translated.
func plain(err error) string {
	if e, ok := errors.AsType[awsproto.ServiceError](err); ok {
		return answered(e)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return unreached(e)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return strings.Replace(err.Error(), e.Error(), e.Path+": "+fileWords(e.Err), 1)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return strings.Replace(err.Error(), e.Error(), fmt.Sprintf("not valid JSON, at byte %d", e.Offset), 1)
	}
	return err.Error()
}

// answered returns a server's message without its code. If the region is wrong, it adds what to set.
func answered(e awsproto.ServiceError) string {
	message := strings.TrimPrefix(e.Error(), e.ErrorCode()+": ")
	if strings.Contains(message, "scoped to") && strings.Contains(message, "region") {
		message += ". Set AWS_DEFAULT_REGION to the server's region"
	}
	return message
}

// unreached says why a server could not be asked.
func unreached(e *url.Error) string {
	at := e.URL
	if u, err := url.Parse(e.URL); err == nil && u.Host != "" {
		at = u.Scheme + "://" + u.Host
	}
	const hint = "Start a server with `slipway up`, or name its address with --endpoint or AWS_ENDPOINT_URL."
	name, isName := errors.AsType[*net.DNSError](e)
	_, isAuthority := errors.AsType[x509.UnknownAuthorityError](e)
	_, isHost := errors.AsType[x509.HostnameError](e)
	_, isRecord := errors.AsType[tls.RecordHeaderError](e)
	switch {
	case errors.Is(e, context.Canceled):
		return "interrupted"
	case errors.Is(e, syscall.ECONNREFUSED):
		return "no server answers at " + at + ". " + hint
	case isName, strings.Contains(e.Error(), "server misbehaving"):
		return "the host " + name.Name + " of " + at + " is not known. " + hint
	case isAuthority:
		return "the certificate of " + at +
			" is signed by an authority that this machine does not trust. Set SSL_CERT_FILE to the authority's " +
			"certificate."
	case isHost:
		return "the certificate of " + at + " is for another name."
	case isRecord, strings.Contains(e.Error(), "server gave HTTP response to HTTPS client"):
		return at + " does not speak TLS; its address begins with http://"
	case e.Timeout():
		return at + " did not answer in time."
	case errors.Is(e, syscall.ECONNRESET), strings.HasSuffix(e.Error(), "EOF"):
		return at + " closed the connection without an answer. It may be stopping, or speak another protocol."
	}
	return at + " cannot be reached. " + hint
}

// fileWords are what a system says of a file.
func fileWords(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "it may not be read"
	case errors.Is(err, syscall.EISDIR):
		return "it is a folder"
	case strings.Contains(err.Error(), "path escapes from parent"):
		return "it lies outside of the folder that is built; name a file within it, or another folder with -C"
	}
	return err.Error()
}

// serverAt checks the address of a server. An empty setting counts as not set.
func serverAt(given string) (string, error) {
	if given == "" {
		return defaultEndpoint, nil
	}
	u, err := url.Parse(given)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return given, nil
	}
	from := ""
	for _, name := range []string{"SLIPWAY_ENDPOINT", "AWS_ENDPOINT_URL"} {
		if os.Getenv(name) == given {
			from = " (from " + name + ")"
		}
	}
	if !strings.Contains(given, "://") {
		return "", usage(
			"%q%s is not an address: it begins with http:// or https://. Did you mean http://%s?",
			given,
			from,
			given,
		)
	}
	return "", usage("%q%s is not an address of a server: it has the form http://HOST:PORT or https://HOST", given,
		from)
}

// malformed are how the parser says that a flag's value is none, and how a person does.
var malformed = []struct {
	form  *regexp.Regexp
	words string
}{
	{
		regexp.MustCompile(`^(--?[a-z-]+): expected a valid \d+ bit u?int but got "?([^"]*)"?.*$`),
		`$1: "$2" is not a whole number`,
	},
	{
		regexp.MustCompile(`^(--?[a-z-]+): expected (?:duration|time) but got "?([^"]*)"?.*$`),
		`$1: "$2" is not a time; write 90s, 10m or 1h`,
	},
	{
		regexp.MustCompile(`^(--?[a-z-]+): .*time: invalid duration "?([^"]*)"?$`),
		`$1: "$2" is not a time; write 90s, 10m or 1h`,
	},
	{regexp.MustCompile(`^(?:(.*): )?expected "(.*)"$`), `$2 is missing`},
}

// misused says what is wrong with arguments and flags.
func misused(err error) string {
	message := err.Error()
	for _, m := range malformed {
		if m.form.MatchString(message) {
			return m.form.ReplaceAllString(message, m.words)
		}
	}
	return message
}

// notThere are the codes that say that a name is not there.
func notThere(err error) bool {
	if e, ok := errors.AsType[coded](err); ok && e.code == exitMissing {
		return true
	}
	return exitCode(err) == exitMissing
}

// suggestion is the name on the server that is nearest to the one that a command was given and that is not
// there; "" for none.
func suggestion(ctx context.Context, args []string, err error) string {
	if !notThere(err) || len(args) < 2 || strings.Contains(err.Error(), "Did you mean") {
		return ""
	}
	names := namesFor(ctx, args[0])
	for _, a := range args[1:] {
		if strings.HasPrefix(a, "-") {
			continue
		}
		if near := meant(a, names); near != "" {
			return strings.TrimPrefix(near, ". ")
		}
		first, rest, cut := strings.Cut(a, "/")
		if near := meant(first, names); cut && near != "" && !strings.Contains(near, "/") {
			return strings.TrimSuffix(strings.TrimPrefix(near, ". "), "?") + "/" + rest + "?"
		}
		return ""
	}
	return ""
}

// namesFor are the names on the server that a command takes. Where it takes PIPELINE/STAGE, the pipelines alone are
// among them.
func namesFor(ctx context.Context, command string) []string {
	groups := []string{"deployments", "rollback", "promote"} // these take APPLICATION/GROUP
	var names []string
	for _, c := range onServer(ctx, command) {
		names = append(names, c.name)
		if pipeline, _, ok := strings.Cut(c.name, "/"); ok && !slices.Contains(groups, command) {
			names = append(names, pipeline)
		}
	}
	return names
}
