package custom

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/store"
	"slipway/spec/pipelinefile"
)

// typesNotice tells the other servers that an action type changed.
const typesNotice = "pipeline.action-types"

// actionType is an action type as it is stored. One that UpdateActionType made has its declaration besides.
type actionType struct {
	Shown       cp.ActionType             `json:"type"`
	Declaration *cp.ActionTypeDeclaration `json:"declaration,omitempty"`
	// Client is the client ID of its jobs, if its owner is ThirdParty.
	Client string `json:"client,omitempty"`

	deleted bool
	check   *pipelinefile.ActionType // as definitions are checked by it
}

// known are all action types that requests made, as they were read.
type known struct {
	sorted []*actionType
	byName map[string]*actionType
}

// typeName is a type as it stands in ARNs: OWNER/CATEGORY/PROVIDER/VERSION.
func typeName(id *cp.ActionTypeId) string {
	return string(id.Owner) + "/" + string(id.Category) + "/" + awsproto.Value(id.Provider) + "/" +
		awsproto.Value(id.Version)
}

const selectTypes = `SELECT doc, deleted FROM pipeline_action_types ORDER BY owner, category, provider, version`

func readTypes(ctx context.Context, q store.Queryer) (*known, error) {
	all, err := store.All(ctx, q, func(r *sql.Rows) (*actionType, error) {
		t := &actionType{}
		var deleted int64
		err := r.Scan(store.JSON(t), &deleted)
		t.deleted = deleted != 0
		return t, err
	}, selectTypes)
	k := &known{sorted: all, byName: map[string]*actionType{}}
	for _, t := range all {
		t.check = checked(&t.Shown)
		k.byName[typeName(t.Shown.Id)] = t
	}
	return k, err
}

// all are the action types.
func (s *Service) all(ctx context.Context) (*known, error) {
	return s.types.Get(func() (*known, error) { return readTypes(ctx, s.db) })
}

// readWithin bounds how long a reader without a context waits for the database.
const readWithin = 10 * time.Second

// now are the action types for callers without a context. While the database cannot be read there are none.
func (s *Service) now() *known {
	ctx, cancel := context.WithTimeout(context.Background(), readWithin)
	defer cancel()
	k, err := s.all(ctx)
	if err != nil {
		s.Log.Error("the action types cannot be read", "error", err)
		return &known{}
	}
	return k
}

// changed makes this server and the others read the action types again.
func (s *Service) changed(tx store.Tx) {
	tx.Notify(typesNotice, "")
	tx.AfterCommit(s.types.Forget)
}

func (s *Service) typeOf(id *cp.ActionTypeId) *actionType {
	if id == nil || id.Provider == nil {
		return nil
	}
	return s.now().byName[typeName(id)]
}

// Types implements pipeline.Custom.
func (s *Service) Types() []pipelinefile.ActionType {
	var all []pipelinefile.ActionType
	for _, t := range s.now().sorted {
		if !t.deleted {
			all = append(all, *t.check)
		}
	}
	return all
}

// Type implements pipeline.Custom.
func (s *Service) Type(id *cp.ActionTypeId) *pipelinefile.ActionType {
	if t := s.typeOf(id); t != nil {
		return t.check
	}
	return nil
}

// Declared implements pipeline.Custom.
func (s *Service) Declared(id *cp.ActionTypeId) *cp.ActionTypeDeclaration {
	if t := s.typeOf(id); t != nil {
		return t.Declaration
	}
	return nil
}

// Shown implements pipeline.Custom.
func (s *Service) Shown() []cp.ActionType {
	var all []cp.ActionType
	for _, t := range s.now().sorted {
		if !t.deleted {
			all = append(all, t.Shown)
		}
	}
	return all
}

// checked is a type as definitions are checked by it.
func checked(t *cp.ActionType) *pipelinefile.ActionType {
	c := &pipelinefile.ActionType{
		Category: t.Id.Category,
		Owner:    t.Id.Owner,
		Provider: *t.Id.Provider,
		Version:  *t.Id.Version,
		Inputs:   counts(t.InputArtifactDetails),
		Outputs:  counts(t.OutputArtifactDetails),
	}
	for i := range t.ActionConfigurationProperties {
		p := &t.ActionConfigurationProperties[i]
		c.Keys = append(c.Keys, pipelinefile.Key{
			Name:     *p.Name,
			Required: awsproto.Value(p.Required),
			Secret:   awsproto.Value(p.Secret),
			Boolean:  p.Type == cp.ActionConfigurationPropertyTypeBoolean,
			Doc:      awsproto.Value(p.Description),
		})
	}
	c.Check = func(a *cp.ActionDeclaration, report pipelinefile.Report) { checkValues(t, a, report) }
	return c
}

func counts(d *cp.ArtifactDetails) pipelinefile.Range {
	if d == nil {
		return pipelinefile.Range{}
	}
	return pipelinefile.Range{Min: *d.MinimumCount, Max: *d.MaximumCount}
}

// queryable is what the value of a queryable property may be: as long as PollForJobs takes it.
var queryable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9_-]{1,50}$`) })

// checkValues checks what the keys of a type do not tell of a configuration: numbers, and queryable values.
func checkValues(t *cp.ActionType, a *cp.ActionDeclaration, report pipelinefile.Report) {
	for i := range t.ActionConfigurationProperties {
		p := &t.ActionConfigurationProperties[i]
		v, ok := a.Configuration[*p.Name]
		if !ok || len(pipelinefile.Variables(v)) > 0 {
			continue
		}
		if _, err := strconv.ParseFloat(v, 64); p.Type == cp.ActionConfigurationPropertyTypeNumber && err != nil {
			report(*p.Name, "The value of '%s' in action '%s' must be a number, not %q", *p.Name,
				awsproto.Value(a.Name), v)
		}
		if awsproto.Value(p.Queryable) && !queryable().MatchString(v) {
			report(*p.Name, "The value of '%s' in action '%s' must have at most 50 characters, letters, digits, "+
				"_ and - alone, since job workers ask for jobs by it", *p.Name, awsproto.Value(a.Name))
		}
	}
}

// queryKey is the queryable property of a type; "" for none.
func (t *actionType) queryKey() string {
	i := slices.IndexFunc(t.Shown.ActionConfigurationProperties, func(p cp.ActionConfigurationProperty) bool {
		return awsproto.Value(p.Queryable)
	})
	if i < 0 {
		return ""
	}
	return *t.Shown.ActionConfigurationProperties[i].Name
}

// templateMember finds what stands for a value in a template of a URL.
var templateMember = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{([^{}]*)\}`) })

// expanded is a URL of a template, with values in the place of {Config:NAME} and of what else values has; "" if one is
// missing.
func expanded(template *string, configuration, values map[string]string) string {
	if template == nil {
		return ""
	}
	missing := false
	url := templateMember().ReplaceAllStringFunc(*template, func(m string) string {
		name := m[1 : len(m)-1]
		v, ok := values[name]
		if key, config := strings.CutPrefix(name, "Config:"); config {
			v, ok = configuration[key]
		}
		missing = missing || !ok
		return escaped(v)
	})
	if missing {
		return ""
	}
	return url
}

// escaped is a value as it may stand in a URL, between slashes or in a query. Its own slashes stay: names of jobs of
// build servers have them.
func escaped(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/:", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
