package actions

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"slipway/internal/actions/expression"
)

func TestServiceOptions(t *testing.T) {
	t.Parallel()
	of, err := expression.FromJSON(`{"image":"postgres:18","env":{"A":"b","N":1},"ports":["5432:5432",6379],
		"credentials":{"username":"u","password":"p"},
		"options":"--health-cmd \"pg_isready -U x\"\n --health-interval=10s --health-timeout 5s --health-retries 5 -e C=d=e"}`)
	if err != nil {
		t.Fatal(err)
	}
	s, err := service("db", of)
	if err != nil || s.HealthCommand != "pg_isready -U x" || s.Interval != 10*time.Second || s.Timeout != 5*time.Second ||
		s.Retries != 5 || s.Env["C"] != "d=e" || s.Env["N"] != "1" || strings.Join(s.Ports, " ") != "5432:5432 6379" ||
		s.User != "u" || s.Password != "p" {
		t.Errorf("%+v, %v", s, err)
	}
	for text, want := range map[string]string{
		`{"image":"x","options":"--privileged"}`:       "--privileged: it is not supported",
		`{"image":"x","options":"--network=host"}`:     "--network: it is not supported",
		`{"image":"x","volumes":"a:/b"}`:               "volumes must be a list",
		`{"image":"x","options":"--health-retries x"}`: "invalid syntax",
		`{"image":"x","options":"--memory 1t"}`:        "is no size",
		`{"image":"x","options":"--cpus 0"}`:           "above 0",
		`{"image":"x","command":"y"}`:                  "command is not supported",
		`[]`:                                           "mapping with image",
		`{"image":"x","ports":1}`:                      "must be a list",
	} {
		of, _ := expression.FromJSON(text)
		if _, err := service("db", of); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	of, err = expression.FromJSON(`{"image":"docker://x","volumes":["a:/b"],"options":"--read-only -u 1:2 -w /x ` +
		`--shm-size=1g --memory 256MB --cpus 1.5 --entrypoint e --hostname h --tmpfs /t:size=1m -v c:/d"}`)
	if err != nil {
		t.Fatal(err)
	}
	want := Options{User: "1:2", Dir: "/x", Hostname: "h", Entrypoint: []string{"e"}, Volumes: []string{"a:/b", "c:/d"},
		Tmpfs: []string{"/t:size=1m"}, SharedMemory: 1 << 30, Memory: 256 << 20, CPUs: 2, ReadOnly: true}
	if s, err = service("db", of); err != nil || s.Image != "x" || !reflect.DeepEqual(s.Options, want) {
		t.Errorf("%+v, %v", s, err)
	}
}
