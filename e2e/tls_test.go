package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTLSOfItsOwn takes a change its way with everything over https, by a certificate of the data folder's own
// authority: the runner, its Git, the agent and the commands trust it by its file; who does not have it is refused.
func TestTLSOfItsOwn(t *testing.T) {
	t.Parallel()
	i := prepare(t, "")
	i.args = []string{"--tls-own"}
	i.url = "https://" + i.listen
	authority := filepath.Join(i.data, "ca.pem")
	i.launch()
	eventually(t, "the authority is there", func() error {
		_, err := os.Stat(authority)
		return err
	})
	pool := x509.NewCertPool()
	eventually(t, "it is written", func() error {
		if text, err := os.ReadFile(authority); err != nil || !pool.AppendCertsFromPEM(text) {
			return err
		}
		return nil
	})
	plain := http.DefaultTransport.(*http.Transport).Clone()
	plain.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	trusting := &http.Client{Transport: plain}
	eventually(t, "the server answers", func() error {
		resp, err := trusting.Get(i.url + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	})
	if _, err := http.Get(i.url + "/readyz"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the authority: %v", err)
	}
	out, err := i.slipway("repositories")
	if err == nil {
		t.Errorf("a command that trusts nobody: %s", out)
	}
	if out, err = i.slipway("repositories", "--ca", authority); err != nil {
		t.Errorf("a command with --ca: %v\n%s", err, out)
	}
	for _, name := range []string{"ca.pem", "keys/ca"} {
		if info, err := os.Stat(filepath.Join(i.data, name)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	i.trust = authority
	w := newWayOn(t, i)
	w.push()
	w.settles(true)
}
