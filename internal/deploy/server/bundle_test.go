package server_test

import (
	"archive/zip"
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"slipway/internal/deploy"
	"slipway/internal/journal"
	"slipway/internal/object"
)

// bundle zips files and puts them into the bucket. A name with a ! at the end is executable.
func (w *world) bundle(key string, files map[string]string) *types.RevisionLocation {
	w.t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		plain := strings.TrimSuffix(name, "!")
		h := &zip.FileHeader{Name: plain, Method: zip.Deflate}
		h.SetMode(0o644)
		if plain != name {
			h.SetMode(0o755)
		}
		f, err := z.CreateHeader(h)
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[name])); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.objects.Put(w.t.Context(), "bundles", key, &b, &object.Meta{}, object.Condition{}); err != nil {
		w.t.Fatal(err)
	}
	return &types.RevisionLocation{RevisionType: types.RevisionLocationTypeS3,
		S3Location: &types.S3Location{Bucket: aws.String("bundles"), Key: &key, BundleType: types.BundleTypeZip}}
}

// script is a shell script of a bundle.
func script(body string) string { return "#!/bin/sh\n" + body + "\n" }

// release is a revision that installs a version and says in a file which events ran.
func (w *world) release(version string, scripts map[string]string) *types.RevisionLocation {
	spec := "version: 0.0\nos: linux\nfiles:\n  - source: /app\n    destination: /srv/shop\nhooks:\n"
	files := map[string]string{"app/version": version}
	events := []string{"ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"}
	for _, event := range []string{"BeforeAllowTraffic", "AfterAllowTraffic"} {
		if scripts[event] != "" {
			events = append(events, event)
		}
	}
	for _, event := range events {
		body, ok := scripts[event]
		if !ok {
			body = `echo "` + version + ` $LIFECYCLE_EVENT" >> "$SLIPWAY_ROOT/events"`
		}
		spec += "  " + event + ":\n    - location: scripts/" + event + "\n      timeout: 20\n"
		files["scripts/"+event+"!"] = script(body)
	}
	files["appspec.yml"] = spec
	return w.bundle(version+".zip", files)
}

func (w *world) deploy(r *types.RevisionLocation, change ...func(*codedeploy.CreateDeploymentInput)) string {
	w.t.Helper()
	in := &codedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"),
		DeploymentGroupName: aws.String("prod"), Revision: r}
	for _, f := range change {
		f(in)
	}
	out, err := w.api.CreateDeployment(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.DeploymentId
}

// wait waits until a deployment has ended.
func (w *world) wait(id string) *types.DeploymentInfo {
	w.t.Helper()
	timeout := time.After(patient)
	for {
		select {
		case e := <-w.ended:
			if e.ID == id {
				d := w.get(id)
				if string(d.Status) != e.Status {
					w.t.Fatalf("told %s, is %s", e.Status, d.Status)
				}
				return d
			}
		case <-timeout:
			w.t.Fatalf("%s has not ended: %+v", id, w.get(id).DeploymentOverview)
		}
	}
}

// until waits until something that has no event of its own holds.
func (w *world) until(f func() bool) {
	w.t.Helper()
	timeout := time.After(patient)
	for !f() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-timeout:
			w.t.Fatal("it did not come about")
		}
	}
}

func (w *world) get(id string) *types.DeploymentInfo {
	w.t.Helper()
	out, err := w.api.GetDeployment(w.t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.DeploymentInfo
}

func (w *world) target(id, host string) *types.InstanceTarget {
	w.t.Helper()
	out, err := w.api.GetDeploymentTarget(w.t.Context(),
		&codedeploy.GetDeploymentTargetInput{DeploymentId: &id, TargetId: &host})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.DeploymentTarget.InstanceTarget
}

func event1(t *types.InstanceTarget, name string) types.LifecycleEvent {
	for _, e := range t.LifecycleEvents {
		if *e.LifecycleEventName == name {
			return e
		}
	}
	return types.LifecycleEvent{}
}

func (w *world) log(id, host, event string) []string {
	w.t.Helper()
	p, err := w.journal.Read(w.t.Context(), deploy.LogName("shop", id, host, event), journal.Query{Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	if !p.Complete {
		w.t.Errorf("the log of %s is not complete", event)
	}
	var lines []string
	for _, l := range p.Lines {
		lines = append(lines, l.Text)
	}
	return lines
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
