package setting

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func daysAgo(n int) time.Time { return noon.AddDate(0, 0, -n) }

func rule(change func(*Rule)) *Lifecycle {
	r := Rule{ID: "r", Status: "Enabled", Filter: &Filter{}}
	change(&r)
	return &Lifecycle{Rules: []Rule{r}}
}

// TestExpired has what S3's guide says of each element of a rule.
func TestExpired(t *testing.T) {
	expire := func(days int) *Lifecycle {
		return rule(func(r *Rule) { r.Expiration = &Expiration{Days: &days} })
	}
	noncurrent := func(days, kept int) *Lifecycle {
		return rule(func(r *Rule) {
			r.NoncurrentVersionExpiration = &NoncurrentExpiration{NoncurrentDays: &days, NewerNoncurrentVersions: &kept}
		})
	}
	at := func(days ...int) (all []Version) {
		for _, d := range days {
			all = append(all, Version{Key: "logs/a", Size: 100, Modified: daysAgo(d)})
		}
		return all
	}
	marker := func(days int) Version { return Version{Key: "logs/a", Marker: true, Modified: daysAgo(days)} }
	for name, x := range map[string]struct {
		l       *Lifecycle
		of      []Version
		gone    []int
		current bool
	}{
		"as old as the rule says, at the midnight after": {expire(2), at(3), nil, true},
		"as old, but midnight has not come":              {expire(2), at(2), nil, false},
		"younger":                                        {expire(2), at(1), nil, false},
		"nothing":                                        {expire(1), nil, nil, false},
		"a rule that is off":                             {rule(func(r *Rule) { r.Status = "Disabled"; r.Expiration = &Expiration{Days: new(1)} }), at(9), nil, false},
		"a date that has come":                           {rule(func(r *Rule) { r.Expiration = &Expiration{Date: "2026-03-10T00:00:00Z"} }), at(0), nil, true},
		"a date to come":                                 {rule(func(r *Rule) { r.Expiration = &Expiration{Date: "2026-03-11T00:00:00Z"} }), at(9), nil, false},
		"another prefix":                                 {rule(func(r *Rule) { r.Filter.Prefix = new("x/"); r.Expiration = &Expiration{Days: new(1)} }), at(9), nil, false},
		"too small": {rule(func(r *Rule) {
			r.Filter.ObjectSizeGreaterThan = new(int64(100))
			r.Expiration = &Expiration{Days: new(1)}
		}), at(9), nil, false},
		"without the tag": {rule(func(r *Rule) { r.Filter.Tag = &Tag{"a", "b"}; r.Expiration = &Expiration{Days: new(1)} }), at(9), nil, false},
		"versions since the next one came, not their age":    {noncurrent(2, 0), at(1, 9, 9), []int{2}, false},
		"the newest noncurrent versions are kept":            {noncurrent(2, 1), at(5, 6, 7, 8), []int{2, 3}, false},
		"a marker with a version below":                      {expire(1), []Version{marker(9), at(9)[0]}, nil, false},
		"a marker that is all that is left":                  {rule(func(r *Rule) { r.Expiration = &Expiration{ExpiredObjectDeleteMarker: new(true)} }), []Version{marker(0)}, []int{0}, false},
		"a marker alone, by the days of the rule":            {expire(1), []Version{marker(3)}, []int{0}, false},
		"a marker whose last version goes in the same run":   {&Lifecycle{Rules: append(noncurrent(1, 0).Rules, rule(func(r *Rule) { r.Expiration = &Expiration{ExpiredObjectDeleteMarker: new(true)} }).Rules...)}, []Version{marker(3), at(9)[0]}, []int{1, 0}, false},
		"a marker alone, without a rule that takes it away":  {noncurrent(1, 0), []Version{marker(9)}, nil, false},
		"the current version is not touched by noncurrent's": {noncurrent(1, 0), at(9), nil, false},
	} {
		gone, current := x.l.Expired(x.of, noon)
		if !slices.Equal(gone, x.gone) || current != x.current {
			t.Errorf("%s: gone %v, current %t; want %v, %t", name, gone, current, x.gone, x.current)
		}
	}
}

// What has expired stays expired, and a version that a run deletes does not make it delete others in the next one at
// once: time alone does.
func TestExpiredIsSteady(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days, kept := rapid.IntRange(1, 5).Draw(t, "days"), rapid.IntRange(1, 3).Draw(t, "kept")
		l := rule(func(r *Rule) {
			r.Expiration = &Expiration{Days: &days}
			r.NoncurrentVersionExpiration = &NoncurrentExpiration{NoncurrentDays: &days, NewerNoncurrentVersions: &kept}
		})
		var versions []Version
		age := 0
		for range rapid.IntRange(0, 8).Draw(t, "versions") {
			age += rapid.IntRange(0, 3).Draw(t, "older")
			versions = append(versions, Version{Key: "k", Modified: daysAgo(age)})
		}
		gone, current := l.Expired(versions, noon)
		later, currentLater := l.Expired(versions, noon.AddDate(0, 0, 1))
		for _, i := range gone {
			if !slices.Contains(later, i) {
				t.Fatalf("version %d had expired, and a day later has not", i)
			}
		}
		if current && !currentLater {
			t.Fatal("the current version had expired, and a day later has not")
		}
		var left []Version
		for i, v := range versions {
			if !slices.Contains(gone, i) {
				left = append(left, v)
			}
		}
		if again, _ := l.Expired(left, noon); len(again) > 0 {
			t.Fatalf("a second run at the same time deletes %v of %d", again, len(left))
		}
	})
}

func TestAbandoned(t *testing.T) {
	l := rule(func(r *Rule) { r.Filter.Prefix = new("up/"); r.Abort = &Abort{new(3)} })
	if !l.Abandoned("up/x", daysAgo(5), noon) || l.Abandoned("up/x", daysAgo(2), noon) ||
		l.Abandoned("x", daysAgo(5), noon) {
		t.Error("an upload is abandoned if it has the prefix and is as old")
	}
}
