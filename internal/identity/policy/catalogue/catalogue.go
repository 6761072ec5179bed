// Package catalogue knows the actions of policies: their resources, condition keys and levels.
package catalogue

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed actions.txt
var awsActions string

//go:embed slipway.txt
var slipwayActions string

// Level is what an action does to a resource.
type Level byte

// The levels of AWS's reference.
const (
	List        Level = 'L'
	Read        Level = 'R'
	Write       Level = 'W'
	Tagging     Level = 'T'
	Permissions Level = 'P'
)

// Entry is an action.
type Entry struct {
	Service string // the prefix: codecommit
	Name    string
	Level   Level
	// Types are the types of its resources. Without any, a policy must say Resource "*".
	Types []Type
	// Keys are its condition keys, besides those of its types and the global ones: aws:RequestTag/${TagKey}.
	Keys []string
	// Dependent are the actions that are asked for besides, those with a question mark only in some cases.
	Dependent []string
}

// Type is a type of resource.
type Type struct {
	Name     string // repository
	ARN      string // codecommit:R:A:${RepositoryName}, without arn and the partition; R is the region, A the account
	Required bool   // one of the action's required types is needed
	Keys     []string
}

// Action finds an action by its name in a policy, codecommit:GitPull, in any case.
func Action(name string) (Entry, bool) {
	e, ok := entries().byName[strings.ToLower(name)]
	return e, ok
}

// Services returns the prefixes of all services, in alphabetical order.
func Services() []string { return entries().services }

// Actions returns the actions of a service in alphabetical order, nil for an unknown one.
func Actions(service string) []Entry { return entries().byService[strings.ToLower(service)] }

type table struct {
	byName    map[string]Entry
	byService map[string][]Entry
	services  []string
}

// entries reads the tables when the first question is asked.
var entries = sync.OnceValue(func() *table {
	t := &table{byName: map[string]Entry{}, byService: map[string][]Entry{}}
	t.read(awsActions)
	// CodeConnections also goes by the name that it had before, with the same actions.
	t.read(strings.ReplaceAll(section(awsActions, "codeconnections"), "codeconnections", "codestar-connections"))
	t.read(slipwayActions)
	for service, actions := range t.byService {
		slices.SortFunc(actions, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
		t.services = append(t.services, service)
	}
	slices.Sort(t.services)
	return t
})

// section returns the keys, and the rows of one service.
func section(text, service string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "service "); ok {
			inside = strings.TrimSpace(name) == service
		}
		if inside || strings.HasPrefix(line, "keys ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func (t *table) read(text string) {
	keys := map[string][]string{}
	arns := map[string]string{}
	service := ""
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) < 2 || f[0] == "#":
		case f[0] == "keys":
			keys[f[1]] = expand(strings.Split(f[2], ","))
		case f[0] == "service":
			service = f[1]
			clear(arns)
		case f[0] == "type":
			arns[f[1]] = f[2]
		default:
			e := action(service, f, arns, keys)
			t.byName[strings.ToLower(service+":"+e.Name)] = e
			t.byService[service] = append(t.byService[service], e)
		}
	}
}

// action reads NAME LEVEL TYPES KEYS DEPENDENT, of which the last two may be missing.
func action(service string, f []string, arns map[string]string, keys map[string][]string) Entry {
	e := Entry{Service: service, Name: f[0], Level: Level(f[1][0])}
	if f[2] != "-" {
		for t := range strings.SplitSeq(f[2], ",") {
			name, set, _ := strings.Cut(t, ":")
			plain := strings.TrimSuffix(name, "*")
			e.Types = append(e.Types, Type{Name: plain, ARN: arns[plain], Required: plain != name, Keys: keys[set]})
		}
	}
	if len(f) > 3 {
		e.Keys = keys[f[3]]
	}
	if len(f) > 4 {
		e.Dependent = strings.Split(f[4], ",")
	}
	return e
}

// Resource writes a name as the ARN of a resource of the action: of the type that it requires, or else of its
// only one, or the one that is in no region. Of
// a name with several parts, as in PIPELINE/STAGE, the slashes stand for themselves. It reports false if the action has
// no such type.
func (e Entry) Resource(name, region, account string) (arn string, ok bool) {
	i := slices.IndexFunc(e.Types, func(t Type) bool { return t.Required })
	if i < 0 { // buckets and their objects, rather than access points
		i = slices.IndexFunc(e.Types, func(t Type) bool { return strings.Contains(t.ARN, ":::") || len(e.Types) == 1 })
	}
	if i < 0 {
		return "", false
	}
	parts := strings.SplitN(e.Types[i].ARN, ":", 4)
	if parts[1] != "" {
		parts[1] = region
	}
	if parts[2] != "" {
		parts[2] = account
	}
	from, to := strings.Index(parts[3], "${"), strings.LastIndexByte(parts[3], '}')
	if from >= 0 && to > from {
		parts[3] = parts[3][:from] + name + parts[3][to+1:]
	}
	return "arn:aws:" + strings.Join(parts, ":"), true
}

// Matches reports whether an ARN can be that of a resource of the type.
func (t Type) Matches(arn string) bool {
	want := strings.SplitN(t.ARN, ":", 4)
	got := strings.SplitN(arn, ":", 6)
	if len(want) != 4 || len(got) != 6 || want[0] != got[2] {
		return false
	}
	if (want[1] == "") != (got[3] == "") || want[2] == "" && got[4] != "" {
		return false
	}
	return fits(want[3], got[5])
}

// fits reports whether a text has the literals of a template in their order.
func fits(template, s string) bool {
	lit, rest, found := strings.Cut(template, "${")
	if !found {
		return s == template
	}
	s, ok := strings.CutPrefix(s, lit)
	for ok {
		_, rest, _ = strings.Cut(rest, "}")
		lit, next, more := strings.Cut(rest, "${")
		if !more {
			return len(s) > len(lit) && strings.HasSuffix(s, lit)
		}
		i := strings.Index(s, lit)
		if i < 0 || s == "" {
			return false
		}
		s, rest = s[i+len(lit):], next
	}
	return false
}

var abbreviations = strings.NewReplacer(
	"@res", "aws:ResourceTag/${TagKey}",
	"@req", "aws:RequestTag/${TagKey}",
	"@keys", "aws:TagKeys",
)

func expand(keys []string) []string {
	for i, k := range keys {
		keys[i] = abbreviations.Replace(k)
	}
	return keys
}
