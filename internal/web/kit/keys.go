package kit

// keyHint is what some keys do.
type keyHint struct {
	keys []string
	does string
}

// allKeys are the keys of all pages. The script finds what a key is for by data-key.
var allKeys = []keyHint{
	{[]string{"/", "Ctrl K"}, "find, or do something on this page"},
	{[]string{"j", "k"}, "next, previous"},
	{[]string{"Enter"}, "open"},
	{[]string{"g", "b"}, "board; g s source, g u builds, g t tests, g d deployments, g r releases, g c settings"},
	{[]string{"a"}, "approve, or continue"},
	{[]string{"r"}, "retry"},
	{[]string{"n", "N"}, "next, previous error"},
	{[]string{"f"}, "follow the log"},
	{[]string{"p"}, "promote a release"},
	{[]string{"h"}, "pause a release, or resume it"},
	{[]string{"b"}, "stop or roll back, which asks"},
	{[]string{"?"}, "all keys"},
}

// keysOf are those worth a hint on the pages of a section.
func keysOf(section string) []keyHint {
	common := []keyHint{{[]string{"j", "k"}, "next, previous"}, {[]string{"/"}, "find"}}
	switch section {
	case "/board":
		return append(common, keyHint{[]string{"a"}, "approve"}, keyHint{[]string{"r"}, "retry"})
	case "/builds":
		return append(common, keyHint{[]string{"n", "N"}, "errors"}, keyHint{[]string{"f"}, "follow"})
	case "/deployments":
		return append(common, keyHint{[]string{"a"}, "continue"}, keyHint{[]string{"b"}, "stop (asks)"})
	case "/releases":
		return append(
			common,
			keyHint{[]string{"p"}, "promote"},
			keyHint{[]string{"h"}, "pause"},
			keyHint{[]string{"b"}, "roll back (asks)"},
		)
	}
	return common
}
