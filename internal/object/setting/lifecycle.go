package setting

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

// Lifecycle says when versions of objects, delete markers and unfinished uploads are deleted.
type Lifecycle struct {
	XMLName xml.Name
	Rules   []Rule `xml:"Rule"`
}

// Rule is one rule of Lifecycle.
type Rule struct {
	ID                          string                 `xml:",omitempty"`
	Prefix                      *string                `xml:",omitempty"` // the older place of Filter.Prefix
	Filter                      *Filter                `xml:",omitempty"`
	Status                      string                 // Enabled or Disabled
	Expiration                  *Expiration            `xml:",omitempty"`
	NoncurrentVersionExpiration *NoncurrentExpiration  `xml:",omitempty"`
	Abort                       *Abort                 `xml:"AbortIncompleteMultipartUpload,omitempty"`
	Transition                  []Transition           `xml:",omitempty"`
	NoncurrentVersionTransition []NoncurrentTransition `xml:",omitempty"`
}

// Filter says which objects a rule is for. It has at most one of its members.
type Filter struct {
	Prefix                *string `xml:",omitempty"`
	Tag                   *Tag    `xml:",omitempty"`
	ObjectSizeGreaterThan *int64  `xml:",omitempty"`
	ObjectSizeLessThan    *int64  `xml:",omitempty"`
	And                   *And    `xml:",omitempty"`
}

// And is a filter of which all parts must hold.
type And struct {
	Prefix                *string `xml:",omitempty"`
	Tag                   []Tag   `xml:",omitempty"`
	ObjectSizeGreaterThan *int64  `xml:",omitempty"`
	ObjectSizeLessThan    *int64  `xml:",omitempty"`
}

// Expiration is about the current version.
type Expiration struct {
	Date                      string `xml:",omitempty"`
	Days                      *int   `xml:",omitempty"`
	ExpiredObjectDeleteMarker *bool  `xml:",omitempty"`
}

// NoncurrentExpiration is about versions that are no longer current.
type NoncurrentExpiration struct {
	NoncurrentDays          *int `xml:",omitempty"`
	NewerNoncurrentVersions *int `xml:",omitempty"` // how many of them are kept whatever their age
}

// Abort is about multipart uploads that were not finished.
type Abort struct{ DaysAfterInitiation *int }

// Transition is a change of the storage class, which is refused.
type Transition struct {
	Date         string `xml:",omitempty"`
	Days         *int   `xml:",omitempty"`
	StorageClass string
}

// NoncurrentTransition is a change of the storage class, which is refused.
type NoncurrentTransition struct {
	NoncurrentDays          *int `xml:",omitempty"`
	NewerNoncurrentVersions *int `xml:",omitempty"`
	StorageClass            string
}

func (l *Lifecycle) root() *xml.Name { return &l.XMLName }
func (*Lifecycle) name() string      { return "LifecycleConfiguration" }

const enabled = "Enabled"

// Check implements Document. A rule without an ID gets one.
func (l *Lifecycle) Check() error {
	if len(l.Rules) == 0 || len(l.Rules) > 1000 {
		return malformed("there must be 1 to 1000 Rule elements")
	}
	seen := map[string]bool{}
	for i := range l.Rules {
		r := &l.Rules[i]
		if err := r.check(); err != nil {
			return err
		}
		if r.ID == "" {
			sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", i, Text(&Lifecycle{Rules: l.Rules[i : i+1]})))
			r.ID = base64.RawURLEncoding.EncodeToString(sum[:24])
		}
		if seen[r.ID] {
			return invalid("Rule ID must be unique. Found same ID for more than one rule")
		}
		seen[r.ID] = true
	}
	return nil
}

func (r *Rule) check() error {
	switch {
	case len(r.ID) > 255:
		return invalid("ID length should not exceed allowed limit of 255")
	case r.Status != enabled && r.Status != "Disabled":
		return malformed("Status must be Enabled or Disabled")
	case len(r.Transition) > 0 || len(r.NoncurrentVersionTransition) > 0:
		return notImplemented("transitions to other storage classes")
	case (r.Prefix == nil) == (r.Filter == nil):
		return malformed("a Rule has a Filter or a Prefix, and not both")
	case r.Expiration == nil && r.NoncurrentVersionExpiration == nil && r.Abort == nil:
		return &Error{400, "InvalidRequest", "At least one action needs to be specified in a rule"}
	}
	if err := r.Filter.check(r); err != nil {
		return err
	}
	return r.checkActions()
}

// check holds the rules of filters. A rule that aborts uploads cannot choose by tags or sizes, which uploads lack.
func (f *Filter) check(r *Rule) error {
	if f == nil {
		return nil
	}
	members := 0
	for _, given := range []bool{f.Prefix != nil, f.Tag != nil, f.ObjectSizeGreaterThan != nil,
		f.ObjectSizeLessThan != nil, f.And != nil} {
		if given {
			members++
		}
	}
	if members > 1 {
		return malformed("a Filter has one member; several go into And")
	}
	c := r.chosen()
	if err := CheckTags(c.Tag, MaxObjectTags); err != nil {
		return err
	}
	if c.ObjectSizeGreaterThan != nil && c.ObjectSizeLessThan != nil &&
		*c.ObjectSizeGreaterThan >= *c.ObjectSizeLessThan {
		return &Error{400, "InvalidRequest",
			"'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."}
	}
	if r.Abort != nil && len(c.Tag) > 0 {
		return &Error{400, "InvalidRequest",
			"AbortIncompleteMultipartUpload cannot be specified with Tags."}
	}
	if r.Abort != nil && (c.ObjectSizeGreaterThan != nil || c.ObjectSizeLessThan != nil) {
		return &Error{400, "InvalidRequest",
			"AbortIncompleteMultipartUpload cannot be specified with Object Size."}
	}
	return nil
}

func (r *Rule) checkActions() error {
	if err := r.checkExpiration(); err != nil {
		return err
	}
	if err := r.NoncurrentVersionExpiration.check(); err != nil {
		return err
	}
	if a := r.Abort; a != nil && (a.DaysAfterInitiation == nil || *a.DaysAfterInitiation < 1) {
		return invalid("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
	}
	return nil
}

func (r *Rule) checkExpiration() error {
	if e := r.Expiration; e != nil {
		given := 0
		for _, g := range []bool{e.Date != "", e.Days != nil, e.ExpiredObjectDeleteMarker != nil} {
			if g {
				given++
			}
		}
		if given != 1 {
			return malformed("an Expiration has one of Date, Days and ExpiredObjectDeleteMarker")
		}
		if e.Days != nil && *e.Days < 1 {
			return invalid("'Days' for Expiration action must be a positive integer")
		}
		if e.Date != "" {
			at, err := time.Parse(time.RFC3339, e.Date)
			if err != nil {
				return malformed("Date is not ISO 8601: %.40q", e.Date)
			}
			if !at.Equal(midnight(at)) {
				return invalid("'Date' must be at midnight GMT")
			}
		}
		if e.ExpiredObjectDeleteMarker != nil && len(r.chosen().Tag) > 0 {
			return &Error{400, "InvalidRequest",
				"ExpiredObjectDeleteMarker cannot be specified with Tags."}
		}
	}
	return nil
}

func (n *NoncurrentExpiration) check() error {
	if n != nil {
		if n.NoncurrentDays == nil || *n.NoncurrentDays < 1 {
			return invalid("'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
		}
		if n.NewerNoncurrentVersions != nil && (*n.NewerNoncurrentVersions < 1 || *n.NewerNoncurrentVersions > 100) {
			return invalid("'NewerNoncurrentVersions' must be a number from 1 to 100")
		}
	}
	return nil
}

// chosen are the conditions of a rule's filter in one form.
func (r *Rule) chosen() And {
	switch {
	case r.Filter == nil:
		return And{Prefix: r.Prefix}
	case r.Filter.And != nil:
		return *r.Filter.And
	}
	a := And{
		Prefix:                r.Filter.Prefix,
		ObjectSizeGreaterThan: r.Filter.ObjectSizeGreaterThan,
		ObjectSizeLessThan:    r.Filter.ObjectSizeLessThan,
	}
	if r.Filter.Tag != nil {
		a.Tag = []Tag{*r.Filter.Tag}
	}
	return a
}

// Version is what a rule sees of a version of an object.
type Version struct {
	Key      string
	Size     int64
	Tags     []Tag
	Marker   bool
	Modified time.Time
}

func (r *Rule) covers(v Version) bool {
	c := r.chosen()
	if c.Prefix != nil && !strings.HasPrefix(v.Key, *c.Prefix) {
		return false
	}
	for _, want := range c.Tag {
		found := false
		for _, has := range v.Tags {
			found = found || has == want
		}
		if !found {
			return false
		}
	}
	return (c.ObjectSizeGreaterThan == nil || v.Size > *c.ObjectSizeGreaterThan) &&
		(c.ObjectSizeLessThan == nil || v.Size < *c.ObjectSizeLessThan)
}

// Expired decides which versions of a key have expired at a time. versions has all of them, newest first. It returns
// the places of those to remove, and whether the current version is to be deleted as a client deletes it: in a bucket
// with versions that adds a marker.
func (l *Lifecycle) Expired(versions []Version, now time.Time) (gone []int, current bool) {
	if len(versions) == 0 {
		return nil, false
	}
	for i := 1; i < len(versions); i++ {
		if l.noncurrentExpired(versions[i], versions[i-1].Modified, i-1, now) {
			gone = append(gone, i)
		}
	}
	first := versions[0]
	if first.Marker {
		if len(versions)-len(gone) == 1 && l.markerExpired(first, now) {
			gone = append(gone, 0)
		}
		return gone, false
	}
	for i := range l.Rules {
		r := &l.Rules[i]
		if r.Status == enabled && r.Expiration != nil && r.covers(first) && r.Expiration.due(first.Modified, now) {
			return gone, true
		}
	}
	return gone, false
}

// noncurrentExpired decides of a version that newer ones followed, the next at a time, and so many noncurrent ones.
func (l *Lifecycle) noncurrentExpired(v Version, since time.Time, newer int, now time.Time) bool {
	for i := range l.Rules {
		r := &l.Rules[i]
		n := r.NoncurrentVersionExpiration
		if r.Status != enabled || n == nil || !r.covers(v) {
			continue
		}
		kept := 0
		if n.NewerNoncurrentVersions != nil {
			kept = *n.NewerNoncurrentVersions
		}
		if newer >= kept && passed(since, *n.NoncurrentDays, now) {
			return true
		}
	}
	return false
}

// markerExpired decides of a delete marker that is all that is left of its key. A rule with Days removes it too, once
// it is as old ("Lifecycle configuration elements").
func (l *Lifecycle) markerExpired(v Version, now time.Time) bool {
	for i := range l.Rules {
		r := &l.Rules[i]
		e := r.Expiration
		if r.Status != enabled || e == nil || !r.covers(v) {
			continue
		}
		if e.ExpiredObjectDeleteMarker != nil && *e.ExpiredObjectDeleteMarker || e.due(v.Modified, now) {
			return true
		}
	}
	return false
}

// Abandoned decides whether an upload of a key that began at a time is to be aborted.
func (l *Lifecycle) Abandoned(key string, began, now time.Time) bool {
	for i := range l.Rules {
		r := &l.Rules[i]
		if r.Status == enabled && r.Abort != nil && r.covers(Version{Key: key}) &&
			passed(began, *r.Abort.DaysAfterInitiation, now) {
			return true
		}
	}
	return false
}

// due reports whether a version that was modified at a time is to expire.
func (e *Expiration) due(modified, now time.Time) bool {
	if e.Date != "" {
		at, err := time.Parse(time.RFC3339, e.Date)
		return err == nil && !now.Before(at)
	}
	return e.Days != nil && passed(modified, *e.Days, now)
}

// passed reports whether so many days have passed: S3 adds them and goes on to the next midnight of UTC.
func passed(since time.Time, days int, now time.Time) bool {
	due := since.UTC().AddDate(0, 0, days)
	if m := midnight(due); !m.Equal(due) {
		due = m.AddDate(0, 0, 1)
	}
	return !now.Before(due)
}

func midnight(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
