package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"slipway": main})
}

// TestScripts runs the command line as a person types it: testdata/script. Those in testdata/server start one
// at $LISTEN first.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true})
}

func TestServerScripts(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("SKIPPED: there is no git here. Install it with: apt install git")
	}
	testscript.Run(
		t,
		testscript.Params{
			Dir:                 "testdata/server",
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			Setup:               address,
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"ready":    ready,
				"until":    until,
				"remember": remember,
				"upload":   upload,
			},
		},
	)
}

// address chooses where a script's server listens, and lets clients find it, git among them.
func address(env *testscript.Env) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listen := l.Addr().String()
	env.Vars = append(
		env.Vars,
		"LISTEN="+listen,
		"AWS_ENDPOINT_URL=http://"+listen,
		"AWS_ACCESS_KEY_ID=AKIASCRIPT0000000000",
		"AWS_SECRET_ACCESS_KEY=secret-of-scripts",
		"SLIPWAY_ACCESS_KEY_ID=AKIASCRIPT0000000000",
		"SLIPWAY_SECRET_ACCESS_KEY=secret-of-scripts",
		"SLIPWAY_DATA="+env.WorkDir+"/data",
		"GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=credential.helper",
		"GIT_CONFIG_VALUE_0=!slipway git-credential",
		"GIT_CONFIG_KEY_1=credential.useHttpPath",
		"GIT_CONFIG_VALUE_1=true",
		"GIT_AUTHOR_NAME=Ada",
		"GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada",
		"GIT_COMMITTER_EMAIL=ada@example.com",
		"GIT_TERMINAL_PROMPT=0",
	)
	return l.Close()
}

// patience bounds every wait; a machine under load is slow.
const patience = 90 * time.Second

// wait asks until f returns no error: the state of another process can only be asked for.
func wait(ts *testscript.TestScript, what string, f func() error) {
	late := time.After(patience)
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-late:
			ts.Fatalf("%s: not within %s: %v", what, patience, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ready waits until the server answers.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	wait(ts, "the server answers", func() error {
		resp, err := http.Get(ts.Getenv("AWS_ENDPOINT_URL") + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", resp.Status)
		}
		return nil
	})
}

// upload puts the files of a folder as a zip into a bucket, which it makes: upload BUCKET KEY FOLDER, or only BUCKET.
func upload(ts *testscript.TestScript, _ bool, args []string) {
	c := s3.New(s3.Options{
		Region:       "us-east-1",
		BaseEndpoint: new(ts.Getenv("AWS_ENDPOINT_URL")),
		UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(
			ts.Getenv("AWS_ACCESS_KEY_ID"),
			ts.Getenv("AWS_SECRET_ACCESS_KEY"),
			"",
		),
	})
	if _, err := c.CreateBucket(
		context.Background(),
		&s3.CreateBucketInput{Bucket: &args[0]},
	); err != nil &&
		!strings.Contains(err.Error(), "BucketAlreadyOwnedByYou") {
		ts.Check(err)
	}
	if len(args) == 1 {
		return
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	ts.Check(w.AddFS(os.DirFS(ts.MkAbs(args[2]))))
	ts.Check(w.Close())
	_, err := c.PutObject(
		context.Background(),
		&s3.PutObjectInput{Bucket: &args[0], Key: &args[1], Body: bytes.NewReader(b.Bytes())},
	)
	ts.Check(err)
}

// until runs slipway until it prints what a pattern matches: until PATTERN ARGUMENTS…
func until(ts *testscript.TestScript, _ bool, args []string) {
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	wait(ts, args[0], func() error {
		err := ts.Exec("slipway", args[1:]...)
		if out := ts.ReadFile("stdout"); !pattern.MatchString(out) {
			return fmt.Errorf("slipway %v printed %s%s(%w)", args[1:], out, ts.ReadFile("stderr"), err)
		}
		return nil
	})
}

// remember keeps a part of what was printed last: remember NAME PATTERN, with one group.
func remember(ts *testscript.TestScript, _ bool, args []string) {
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("nothing matches %s in %s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], found[1])
}
