package server_test

import (
	"bytes"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/smallstep/pkcs7"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	cmd "slipway/api/codedeploycommand"
)

// TestTheSpecificationBindsTheBundle: whoever stands between host and server and swaps the bundle, its ETag kept, is
// found out before anything of it runs.
func TestTheSpecificationBindsTheBundle(t *testing.T) {
	w := newWorld(t)
	good := w.release("good", map[string]string{"AfterInstall": `echo good >> "$SLIPWAY_ROOT/ran"`})
	evil := w.release("evil", map[string]string{"AfterInstall": `echo evil >> "$SLIPWAY_ROOT/ran"`})
	_, f, err := w.objects.Get(t.Context(), *evil.S3Location.Bucket, *evil.S3Location.Key, "")
	if err != nil {
		t.Fatal(err)
	}
	swapped, err := io.ReadAll(f)
	_ = f.Close()
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(swapped)), int64(len(swapped))
			r.Header.Del("Content-Length")
			return nil
		},
	})
	t.Cleanup(proxy.Close)
	h := w.newHost("web1", map[string]string{"role": "web"})
	h.s3 = proxy.URL
	w.start(h)
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(good)
	if d := w.wait(id); d.Status != types.DeploymentStatusFailed {
		t.Fatalf("a swapped bundle was deployed: %s", d.Status)
	}
	if e := event1(w.target(id, "web1"), "DownloadBundle"); e.Diagnostics == nil ||
		!strings.Contains(*e.Diagnostics.Message, "SHA-256") {
		t.Errorf("%+v", e.Diagnostics)
	}
	if exists(h.root + "/ran") {
		t.Error("something of it ran")
	}
}

// TestTheSpecificationIsForAWSsAgent: AllPossibleLifecycleEvents makes AWS's agent fail at Install.
func TestTheSpecificationIsForAWSsAgent(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	w.deploy(w.release("v1", nil))
	c := w.speak(h)
	x := c.poll()
	out, err := c.api.GetDeploymentSpecification(t.Context(),
		&cmd.GetDeploymentSpecificationInput{DeploymentExecutionId: x.DeploymentExecutionId,
			HostIdentifier: x.HostIdentifier})
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(*out.DeploymentSpecification.GenericEnvelope.Payload))
	signed, err := pkcs7.Parse(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	text := string(signed.Content)
	if strings.Contains(text, "AllPossibleLifecycleEvents") || !strings.Contains(text, `"BundleSHA256":"`) ||
		strings.Contains(text, "null") {
		t.Error(text)
	}
}

func TestRestart(t *testing.T) {
	w := newWorld(t)
	h := w.fleet(1)[0]
	w.group("CodeDeployDefault.AllAtOnce")
	api := cd.Client{Client: w.client(w.admin)} // the SDK here does not know the mode
	in := &cd.CreateDeploymentInput{ApplicationName: new("shop"), DeploymentGroupName: new("prod"),
		DeploymentMode: cd.DeploymentModeRestart}
	if _, err := api.CreateDeployment(t.Context(), in); awsproto.Code(err) != "RevisionRequiredException" {
		t.Errorf("there is nothing to start anew: %v", err)
	}
	revision := w.release("v1", map[string]string{"AfterInstall": `echo ran >> "$SLIPWAY_ROOT/ran"`})
	first := w.deploy(revision)
	if d := w.wait(first); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	if _, err := w.objects.Delete(t.Context(), *revision.S3Location.Bucket, *revision.S3Location.Key, ""); err != nil {
		t.Fatal(err)
	}
	out, err := api.CreateDeployment(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if d := w.wait(*out.DeploymentId); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("a restart needs the bundle: %+v, %+v", d.ErrorInformation, w.target(*out.DeploymentId, "web1"))
	}
	if got := read(t, h.root, "ran"); got != "ran\nran\n" {
		t.Errorf("it ran %q", got)
	}
	in.Revision = &cd.RevisionLocation{RevisionType: cd.RevisionLocationTypeS3,
		S3Location: &cd.S3Location{Bucket: new("bundles"), Key: new("v1.zip"), BundleType: cd.BundleTypeZip}}
	if _, err := api.CreateDeployment(t.Context(), in); awsproto.Code(err) != "InvalidRevisionException" {
		t.Errorf("a restart with a revision: %v", err)
	}
}

// TestTheAgentsFoldersAreCleaned while it runs, as people do when a disk is full.
func TestTheAgentsFoldersAreCleaned(t *testing.T) {
	w := newWorld(t)
	h := w.fleet(1)[0]
	w.group("CodeDeployDefault.AllAtOnce")
	revision := w.release("v1", map[string]string{"AfterInstall": `echo ran >> "$SLIPWAY_ROOT/ran"`})
	overwrite := func(
		in *codedeploy.CreateDeploymentInput) {
		in.FileExistsBehavior = types.FileExistsBehaviorOverwrite
	}
	if d := w.wait(w.deploy(revision, overwrite)); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	found, err := filepath.Glob(filepath.Join(h.root, "opt/codedeploy-agent/deployment-root/*"))
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	for _, path := range found {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	if d := w.wait(w.deploy(revision, overwrite)); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
}
