package app

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// A folder's place is set once, and never changes.
func TestPlace(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	for _, c := range []struct {
		name, region, account string
		environment           string // AWS_DEFAULT_REGION
		want                  Place
		err                   string
	}{
		{name: "defaults", want: Place{Region: "us-east-1", Account: "123456789012"}},
		{name: "environment", environment: "eu-west-1", want: Place{Region: "eu-west-1", Account: "123456789012"}},
		{name: "given", region: "eu-central-1", account: "111122223333", environment: "eu-west-1",
			want: Place{Region: "eu-central-1", Account: "111122223333"}},
		{name: "bad account", account: "42", err: "--account must be 12 digits"},
		{name: "bad region", region: "Europe!", err: "--region must be a name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("AWS_DEFAULT_REGION", c.environment)
			d := newData(t)
			p, err := d.Place(c.region, c.account)
			says(t, "place", err, c.err)
			if c.err != "" {
				return
			}
			if p.Region != c.want.Region || p.Account != c.want.Account || p.ID == "" {
				t.Errorf("got %+v, want %+v with an ID", p, c.want)
			}
			t.Setenv("AWS_DEFAULT_REGION", "ap-south-1")
			if again, err := d.Place("", ""); err != nil || again != p {
				t.Errorf("read again: got %+v, %v, want %+v", again, err, p)
			}
			_, err = d.Place("ap-south-1", "")
			says(t, "another region", err, "and cannot serve region ap-south-1 and account "+p.Account)
			_, err = d.Place("", "999988887777")
			says(t, "another account", err, "and cannot serve region "+p.Region+" and account 999988887777")
		})
	}
}

func TestDamagedPlace(t *testing.T) {
	t.Parallel()
	d := newData(t)
	write(t, d.placeFile(), "{")
	_, err := d.Place("", "")
	says(t, "a damaged place.json", err, "place.json")
}

func TestReadKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want Key
		ok   bool
	}{
		"both lines":   {"AWS_ACCESS_KEY_ID=AKIA1\nAWS_SECRET_ACCESS_KEY=a=b\n", Key{"AKIA1", "a=b"}, true},
		"spaces":       {"  AWS_ACCESS_KEY_ID=AKIA1\r\nAWS_SECRET_ACCESS_KEY=s", Key{"AKIA1", "s"}, true},
		"other lines":  {"# mine\nA=b\nAWS_SECRET_ACCESS_KEY=s\nAWS_ACCESS_KEY_ID=AKIA1\n", Key{"AKIA1", "s"}, true},
		"no secret":    {"AWS_ACCESS_KEY_ID=AKIA1\n", Key{ID: "AKIA1"}, false},
		"no ID":        {"AWS_SECRET_ACCESS_KEY=s\n", Key{Secret: "s"}, false},
		"an empty one": {"", Key{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newData(t)
			if k, ok, err := d.ReadKey("runner"); ok || err != nil || k != (Key{}) {
				t.Errorf("without a file: got %+v, %t, %v", k, ok, err)
			}
			write(t, filepath.Join(d.Keys(), "runner"), c.text)
			k, ok, err := d.ReadKey("runner")
			if err != nil || ok != c.ok || k != c.want {
				t.Errorf("got %+v, %t, %v, want %+v, %t", k, ok, err, c.want, c.ok)
			}
			if err := d.WriteKey("runner", Key{"AKIA2", "t"}); err != nil {
				t.Fatal(err)
			}
			if k, ok, err := d.ReadKey("runner"); err != nil || !ok || k != (Key{"AKIA2", "t"}) {
				t.Errorf("written and read: got %+v, %t, %v", k, ok, err)
			}
			info, err := os.Stat(filepath.Join(d.Keys(), "runner"))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the mode of a key: got %v, %v", info.Mode(), err)
			}
		})
	}
}

// A folder that others may enter is closed to them, and so are the files of its database.
func TestOpenTightens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"slipway.db", "slipway.db-wal"} {
		write(t, filepath.Join(dir, name), "")
		if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{
		string(d): 0o700, d.Keys(): 0o700, d.Database(): 0o600, d.Database() + "-wal": 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	write(t, filepath.Join(dir, "file"), "")
	_, err = Open(filepath.Join(dir, "file"))
	says(t, "a file", err, "data folder")
}

func TestExisting(t *testing.T) {
	t.Parallel()
	d := newData(t)
	_, err := Existing(string(d))
	says(t, "a folder without a place", err, "it has no place.json")
	if _, err := d.Place("", ""); err != nil {
		t.Fatal(err)
	}
	if got, err := Existing(string(d)); err != nil || got != d {
		t.Errorf("got %s, %v, want %s", got, err, d)
	}
}

// A router is started once one is wanted, and stays wanted.
func TestRouterWanted(t *testing.T) {
	t.Parallel()
	d := newData(t)
	wanted := make(chan error, 1)
	go func() { wanted <- d.routerWanted(t.Context()) }()
	if err := d.WantRouter(); err != nil {
		t.Fatal(err)
	}
	if err := within(t, wanted, "the wish for a router"); err != nil {
		t.Error(err)
	}
	if err := d.WantRouter(); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.routerWanted(ended); err != nil {
		t.Errorf("a router that is wanted already: got %v", err)
	}
	if err := newData(t).routerWanted(ended); err == nil {
		t.Error("a router is wanted in a new folder")
	}
	full := newData(t)
	write(t, full.Router(), "")
	if full.WantRouter() == nil || full.routerWanted(t.Context()) == nil {
		t.Error("a file in the router's place is no error")
	}
	o := newOptions(t)
	l := newLogged()
	o.Data, o.Log = full, l.logger()
	(&ground{Options: o}).wantRouter()
	l.wait(t, "a router is needed, and the file that starts one cannot be written")
}
