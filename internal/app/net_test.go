package app

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestLoopback(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]bool{
		"127.0.0.1:8080": true,
		"127.8.8.8:80":   true,
		"[::1]:8080":     true,
		"localhost:8080": true,
		"0.0.0.0:8080":   false,
		":8080":          false,
		"10.0.0.1:8080":  false,
		"example.com:80": false,
		"127.0.0.1":      false,
	} {
		if got := loopback(listen); got != want {
			t.Errorf("%s: got %t, want %t", listen, got, want)
		}
	}
}

func TestAcceptedRegions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		setting, listen string
		accepted        []string
		refused         []string
	}{
		"a laptop":          {"", "127.0.0.1:8080", []string{"us-east-1", "eu-west-1"}, []string{""}},
		"a server":          {"", "0.0.0.0:8080", nil, []string{"us-east-1", ""}},
		"any on a server":   {"any", "0.0.0.0:8080", []string{"us-east-1"}, []string{""}},
		"names":             {"us-east-1, eu-west-1", "0.0.0.0:80", []string{"us-east-1", "eu-west-1"}, []string{"any", ""}},
		"names on a laptop": {"us-east-1", "127.0.0.1:80", []string{"us-east-1"}, []string{"eu-west-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogged()
			accepts := acceptedRegions(Options{Regions: c.setting, Listen: c.listen, Log: l.logger()})
			for _, region := range c.accepted {
				if !accepts(region) {
					t.Errorf("%q is refused", region)
				}
			}
			for _, region := range c.refused {
				if accepts(region) {
					t.Errorf("%q is accepted", region)
				}
			}
			if lines, _ := l.with("signed for another region"); len(lines) > 1 {
				t.Errorf("it is logged %d times, want once", len(lines))
			}
		})
	}
}

func TestCheckRegions(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"":                        "",
		"any":                     "",
		"eu-central-1, us-east-1": "",
		"us-east-1,":              "",
		"Europe":                  `"Europe" is none`,
		"us-east-1,a region":      `"a region" is none`,
	} {
		says(t, setting, CheckRegions(setting), want)
	}
}

// A server answers under its own names, below them for S3's buckets, and at the address that a connection came in at.
func TestHostNames(t *testing.T) {
	t.Parallel()
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	h := newHosts("https://CI.example.com", "192.0.2.1:443", []string{"*.preview.example.org", " Other.example.net ", ""})
	for host, want := range map[string]bool{
		"ci.example.com":           true,
		"CI.Example.com:443":       true,
		"bucket.ci.example.com":    true,
		"a.bucket.ci.example.com":  true,
		"b.s3.ci.example.com":      true,
		"example.com":              false,
		"evil-ci.example.com":      false,
		"ci.example.com.evil.net":  false,
		"localhost:8080":           true,
		"bucket.localhost":         true,
		"127.0.0.1:8080":           true,
		"[::1]:8080":               true,
		"192.0.2.1":                true,
		"192.0.2.2":                false,
		"198.51.100.7":             true, // the connection's own
		machine:                    true,
		"x.preview.example.org":    true,
		"preview.example.org":      false,
		"other.example.net":        true,
		"metadata.google.internal": false,
		"":                         false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		at := &net.TCPAddr{IP: net.ParseIP("198.51.100.7"), Port: 443}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, at))
		r.Host = host
		if got := h.serves(r); got != want {
			t.Errorf("%q: got %t, want %t", host, got, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if r.Host = "198.51.100.7"; h.serves(r) {
		t.Error("without a connection its address is no name")
	}
}

// A certificate is for every name of the server but wildcards of the listening address.
func TestCertificateNames(t *testing.T) {
	t.Parallel()
	names := certificateNames("https://ci.example.com:8443", "0.0.0.0:8443", []string{"*.example.org"})
	for _, want := range []string{"localhost", "127.0.0.1", "::1", "ci.example.com", "example.org"} {
		if !slices.Contains(names, want) {
			t.Errorf("no %s in %s", want, strings.Join(names, " "))
		}
	}
	if slices.Contains(names, "0.0.0.0") {
		t.Errorf("0.0.0.0 is in %s", strings.Join(names, " "))
	}
}
