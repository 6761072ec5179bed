package settings

import (
	"slices"
	"strings"
)

// named is a mark in what a browser calls itself, and what people call it.
type named struct{ mark, name string }

// Browsers name those that they descend from, and systems likewise: the first that is found counts.
var (
	browsers = []named{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"},
		{"Safari/", "Safari"}}
	systems = []named{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"},
		{"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}}
)

// browser is a browser in a few words: Firefox on Linux. One that is not known is as it calls itself.
func browser(agent string) string {
	of := func(all []named) string {
		i := slices.IndexFunc(all, func(n named) bool { return strings.Contains(agent, n.mark) })
		if i < 0 {
			return ""
		}
		return all[i].name
	}
	name, system := of(browsers), of(systems)
	switch {
	case name == "":
		return agent
	case system == "":
		return name
	}
	return name + " on " + system
}

// fours parts a key into groups of four, as people type it.
func fours(key string) string {
	var groups []string
	for part := range slices.Chunk([]byte(key), 4) { //nolint:mnd // as the comment says
		groups = append(groups, string(part))
	}
	return strings.Join(groups, " ")
}
