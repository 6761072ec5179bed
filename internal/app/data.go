package app

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/google/uuid"

	"slipway/internal/store/seal"
)

// Data is a data folder. Slipway writes to no other place.
type Data string

// Database is the file of the database.
func (d Data) Database() string { return filepath.Join(string(d), "slipway.db") }

// Repositories is the folder of the bare Git repositories.
func (d Data) Repositories() string { return filepath.Join(string(d), "repositories") }

// Objects is the folder of the object store.
func (d Data) Objects() string { return filepath.Join(string(d), "objects") }

// ReportFiles is the folder of what tests leave beside their results.
func (d Data) ReportFiles() string { return filepath.Join(string(d), "reports") }

// Journal is the folder of the logs.
func (d Data) Journal() string { return filepath.Join(string(d), "journal") }

// Keys is the folder of the keys.
func (d Data) Keys() string { return filepath.Join(string(d), "keys") }

// Runner is the folder of the runner on this machine.
func (d Data) Runner() string { return filepath.Join(string(d), "runner") }

// Router is the folder of the router on this machine.
func (d Data) Router() string { return filepath.Join(string(d), "router") }

// Quarantine is the folder of what the database does not know.
func (d Data) Quarantine() string { return filepath.Join(string(d), "quarantine") }

func (d Data) placeFile() string { return filepath.Join(string(d), "place.json") }

func (d Data) lock(name string) string {
	return filepath.Join(string(d), "locks", name)
}

// Open makes the folder, readable by its owner alone, and returns it as an absolute path.
func Open(dir string) (Data, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for _, sub := range []string{"", "keys", "locks", "journal"} {
		if err := os.MkdirAll(filepath.Join(abs, sub), 0o700); err != nil {
			return "", fmt.Errorf("data folder: %w", err)
		}
	}
	return Data(abs), Data(abs).tighten()
}

// Existing returns a data folder that exists. It does not change the folder.
func Existing(dir string) (Data, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(Data(abs).placeFile()); err != nil {
		return "", fmt.Errorf("%s is no data folder of Slipway: it has no place.json", abs)
	}
	return Data(abs), nil
}

// Place is the account and the region of a server. They are fixed for the life of its data folder.
type Place struct {
	Region  string `json:"region"`
	Account string `json:"account"`
	// ID identifies the data folder among those that share a database. Folders of early versions have none.
	ID string `json:"id"`
	// Database is the identity of the database that the folder belongs to.
	Database string `json:"database,omitempty"`
}

const (
	defaultRegion  = "us-east-1"
	defaultAccount = "123456789012"
)

// Place returns the data folder's account and region. The first call stores the given ones, or the defaults. A later
// call for others is an error. The default region is AWS_REGION or AWS_DEFAULT_REGION if one is set.
func (d Data) Place(region, account string) (Place, error) {
	path := d.placeFile()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		p := Place{Region: region, Account: account, ID: uuid.NewString()}
		for _, preset := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} { // what this shell's clients will sign for
			p.Region = cmp.Or(p.Region, os.Getenv(preset))
		}
		p.Region = cmp.Or(p.Region, defaultRegion)
		if p.Account == "" {
			p.Account = defaultAccount
		}
		if err := p.check(); err != nil {
			return p, err
		}
		text, err := json.Marshal(p)
		if err != nil {
			return p, err
		}
		return p, seal.WriteFile(path, append(text, '\n'))
	}
	var p Place
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	if region != "" && region != p.Region || account != "" && account != p.Account {
		return p, fmt.Errorf(
			"the data folder %s belongs to region %s and account %s, and cannot serve region %s and account %s; leave "+
				"--region and --account out, or choose another folder with --data",
			d,
			p.Region,
			p.Account,
			orSame(region, p.Region),
			orSame(account, p.Account),
		)
	}
	return p, nil
}

func orSame(s, same string) string {
	if s == "" {
		return same
	}
	return s
}

var regionName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9-]{1,32}$`) })

func (p Place) check() error {
	if ok, err := regexp.MatchString(`^[0-9]{12}$`, p.Account); err != nil || !ok {
		return fmt.Errorf("--account must be 12 digits, as AWS's accounts are, not %q", p.Account)
	}
	if !regionName().MatchString(p.Region) {
		return fmt.Errorf("--region must be a name such as eu-central-1, not %q", p.Region)
	}
	return nil
}

// Key is an access key. Its file in the data folder has two lines that a shell can read.
type Key struct{ ID, Secret string }

// ReadKey reads the key of a name. It returns false if there is none.
func (d Data) ReadKey(name string) (k Key, ok bool, err error) {
	text, err := os.ReadFile(filepath.Join(d.Keys(), name))
	if errors.Is(err, fs.ErrNotExist) {
		return k, false, nil
	}
	if err != nil {
		return k, false, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "AWS_ACCESS_KEY_ID":
			k.ID = value
		case "AWS_SECRET_ACCESS_KEY":
			k.Secret = value
		}
	}
	return k, k.ID != "" && k.Secret != "", nil
}

// WriteKey keeps a key, readable by the owner alone.
func (d Data) WriteKey(name string, k Key) error {
	return seal.WriteFile(
		filepath.Join(d.Keys(), name),
		[]byte("AWS_ACCESS_KEY_ID="+k.ID+"\nAWS_SECRET_ACCESS_KEY="+k.Secret+"\n"),
	)
}
