package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTheSignerIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	serials := make([]string, 4)
	var all sync.WaitGroup
	for i := range serials {
		all.Go(func() {
			s, err := openSigner(dir, time.Now())
			if err != nil {
				t.Error(err)
				return
			}
			serials[i] = s.certificate.SerialNumber.String()
		})
	}
	all.Wait()
	for _, serial := range serials {
		if serial != serials[0] || serial == "" {
			t.Fatalf("%q", serials)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, signerFile), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openSigner(dir, time.Now()); err == nil || !strings.Contains(err.Error(), "restore it from a backup") {
		t.Fatal(err)
	}
}

// AWS's agent verifies with OpenSSL, without looking at the chain.
func TestOpenSSLVerifiesTheEnvelope(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("SKIPPED: no openssl here. Install it with: apt-get install -y openssl")
	}
	s, err := openSigner(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := s.sign([]byte(`{"DeploymentId":"d-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	verify := func(envelope string) (string, error) {
		c := exec.Command("openssl", "smime", "-verify", "-noverify", "-inform", "PEM")
		c.Stdin = strings.NewReader(envelope)
		out, err := c.Output()
		return string(out), err
	}
	if got, err := verify(envelope); err != nil || got != `{"DeploymentId":"d-1"}` {
		t.Fatalf("%q %v", got, err)
	}
	forged := []byte(envelope)
	forged[len(forged)-60] ^= 1
	if got, err := verify(string(forged)); err == nil {
		t.Fatalf("a forged one was taken: %q", got)
	}
}
