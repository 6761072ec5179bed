package parameter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	api "slipway/api/ssm"
	"slipway/internal/key"
	"slipway/internal/secret/parameter"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

type house struct {
	*ssm.Client
	t    *testing.T
	db   *store.Store
	keys *key.Service
}

func open(t *testing.T) *house {
	t.Helper()
	return openOn(t, storetest.Open(t, key.Migrations(), parameter.Migrations()))
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, h *house)) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) { test(t, open(t)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		dsn := storetest.Postgres(t).Database(t)
		test(t, openOn(t, storetest.OpenDSN(t, dsn, key.Migrations(), parameter.Migrations())))
	})
}

func openOn(t *testing.T, db *store.Store) *house {
	t.Helper()
	h := &house{t: t, db: db}
	sealer, err := seal.Open(t.TempDir() + "/seal")
	if err != nil {
		t.Fatal(err)
	}
	pager := awsproto.Pager{Key: []byte("key")}
	h.keys = key.New(h.db, key.Config{Region: "eu-central-1", Account: "123456789012", Seal: sealer, Now: time.Now,
		Pager: pager})
	service := parameter.New(h.db, parameter.Config{Region: "eu-central-1", Account: "123456789012", Seal: sealer,
		Now: time.Now, Pager: pager, Keys: h.keys})
	wire := &awsproto.Server{Region: "eu-central-1", Account: "123456789012", Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
		Lookup: func(context.Context, string, string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: "secret"}, true, nil
		},
		Caller: func(context.Context, string, string) (awsproto.Caller, error) {
			return awsproto.Caller{ARN: "arn:aws:iam::123456789012:user/anna"}, nil
		}}
	wire.Add(api.New(awsproto.Hooks{}, struct {
		*parameter.Service
		api.Unimplemented
	}{service, api.Unimplemented{}}))
	server := httptest.NewServer(wire)
	t.Cleanup(server.Close)
	h.Client = ssm.New(ssm.Options{Region: "eu-central-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")})
	return h
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func (h *house) put(name, value string, change ...func(*ssm.PutParameterInput)) error {
	h.t.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString}
	for _, f := range change {
		f(in)
	}
	_, err := h.PutParameter(h.t.Context(), in)
	return err
}

func overwrite(in *ssm.PutParameterInput) { in.Overwrite, in.Type = new(true), "" }

func secure(in *ssm.PutParameterInput) { in.Type = types.ParameterTypeSecureString }

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) value(name string) string {
	h.t.Helper()
	out, err := h.GetParameter(h.t.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: new(true)})
	if err != nil {
		return code(err)
	}
	return *out.Parameter.Value
}

// A parameter's versions are read by number and by label, and a value is in no column of the database.
func TestVersionsAndLabels(t *testing.T) { onBoth(t, versionsAndLabels) }

func versionsAndLabels(t *testing.T, h *house) {
	ctx := t.Context()
	h.must(h.put("/app/password", "first-of-all", secure))
	h.must(h.put("/app/password", "second-of-all", overwrite))
	h.must(h.put("plain", "plainly-readable"))
	if _, err := h.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: new("/app/password"),
		ParameterVersion: new(int64(1)), Labels: []string{"live", "1bad"}}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"/app/password":      "second-of-all",
		"/app/password:1":    "first-of-all",
		"/app/password:live": "first-of-all",
		"/app/password:9":    "ParameterVersionNotFound",
		"/app/password:none": "ParameterVersionNotFound",
		"/app/none":          "ParameterNotFound",
		"plain":              "plainly-readable",
		"arn:aws:ssm:eu-central-1:123456789012:parameter/app/password": "second-of-all",
		"arn:aws:ssm:eu-central-1:123456789012:parameter/plain":        "plainly-readable",
	} {
		if got := h.value(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	sealed, err := h.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/app/password")})
	if err != nil || strings.Contains(*sealed.Parameter.Value, "all") {
		t.Errorf("without decryption: %+v, %v", sealed, err)
	}
	rows, err := store.Strings(ctx, h.db, `SELECT doc || value FROM ssm_versions`)
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		if strings.Contains(row, "of-all") || strings.Contains(row, "plainly") {
			t.Errorf("the database has a readable value: %s", row)
		}
	}
	history, err := h.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: new("/app/password"),
		WithDecryption: new(true)})
	h.must(err)
	if len(history.Parameters) != 2 || *history.Parameters[0].Value != "first-of-all" ||
		!slices.Equal(history.Parameters[0].Labels, []string{"live"}) ||
		*history.Parameters[0].LastModifiedUser != "arn:aws:iam::123456789012:user/anna" {
		t.Errorf("history: %+v", history.Parameters)
	}
	gone, err := h.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: new("/app/password"),
		ParameterVersion: new(int64(1)), Labels: []string{"live", "other"}})
	if err != nil || !slices.Equal(gone.RemovedLabels, []string{"live"}) ||
		!slices.Equal(gone.InvalidLabels, []string{"other"}) {
		t.Errorf("%+v, %v", gone, err)
	}
}

// What AWS refuses is refused with its code.
func TestRefusals(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(h.put("there", "x"))
	h.must(h.put("big", strings.Repeat("x", 5000),
		func(in *ssm.PutParameterInput) { in.Tier = types.ParameterTierIntelligentTiering }))
	pattern := func(p string) func(*ssm.PutParameterInput) {
		return func(in *ssm.PutParameterInput) { in.AllowedPattern = &p }
	}
	for name, x := range map[string]struct {
		err  error
		want string
	}{
		"exists": {h.put("there", "y"), "ParameterAlreadyExists"},
		"no " +
			"type": {h.put("new", "y", func(in *ssm.PutParameterInput) { in.Type = "" }), "ValidationException"},
		"another type":  {h.put("there", "y", overwrite, secure), "HierarchyTypeMismatchException"},
		"reserved":      {h.put("/aws/x", "y"), "AccessDeniedException"},
		"ssm":           {h.put("ssmx", "y"), "ValidationException"},
		"not qualified": {h.put("a/b", "y"), "ValidationException"},
		"too deep":      {h.put(strings.Repeat("/a", 16), "y"), "HierarchyLevelLimitExceededException"},
		"too big":       {h.put("new", strings.Repeat("x", 4097)), "ValidationException"},
		"pattern":       {h.put("new", "y", pattern(`^\d+$`)), "ParameterPatternMismatchException"},
		"bad pattern":   {h.put("new", "y", pattern(`(`)), "InvalidAllowedPatternException"},
		"downgrade":     {h.put("big", "y", overwrite, func(in *ssm.PutParameterInput) { in.Tier = types.ParameterTierStandard }), "ValidationException"},
		"no such " +
			"key": {h.put("new", "y", secure, func(in *ssm.PutParameterInput) { in.KeyId = new("alias/none") }), "InvalidKeyId"},
		"key without " +
			"secret": {h.put("new", "y", func(in *ssm.PutParameterInput) { in.KeyId = new("alias/none") }), "ValidationException"},
		"policies": {h.put("new", "y", func(in *ssm.PutParameterInput) { in.Policies = new(`[{"Type":"Expiration"}]`) }), "NotImplementedException"},
		"tags and overwrite": {h.put("there", "y", overwrite, func(in *ssm.PutParameterInput) {
			in.Tags = []types.Tag{{Key: new("a"), Value: new("b")}}
		}), "ValidationException"},
	} {
		if code(x.err) != x.want {
			t.Errorf("%s: %v, want %s", name, x.err, x.want)
		}
	}
	if _, err := h.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: new("none")}); code(err) != "ParameterNotFound" {
		t.Error(err)
	}
}

// Lists go by path, filter and page.
func TestLists(t *testing.T) { onBoth(t, lists) }

func lists(t *testing.T, h *house) {
	ctx := t.Context()
	for _, name := range []string{"/a/b/c", "/a/x", "/a/y", "/ab", "other"} {
		h.must(h.put(name, "value of "+name))
	}
	h.must(h.put("/a/z", "1,2", func(in *ssm.PutParameterInput) {
		in.Type, in.Tags = types.ParameterTypeStringList, []types.Tag{{Key: new("team"), Value: new("blue")}}
	}))
	byPath := func(recursive bool) (names []string) {
		p := ssm.NewGetParametersByPathPaginator(h.Client, &ssm.GetParametersByPathInput{Path: new("/a"),
			Recursive: &recursive, MaxResults: new(int32(2))})
		for p.HasMorePages() {
			out, err := p.NextPage(ctx)
			h.must(err)
			for _, x := range out.Parameters {
				if !strings.HasPrefix(*x.Value, "value of") && *x.Value != "1,2" {
					t.Errorf("%s is %q", *x.Name, *x.Value)
				}
				names = append(names, *x.Name)
			}
		}
		return names
	}
	if got := byPath(false); !slices.Equal(got, []string{"/a/x", "/a/y", "/a/z"}) {
		t.Errorf("one level: %v", got)
	}
	if got := byPath(true); !slices.Equal(got, []string{"/a/b/c", "/a/x", "/a/y", "/a/z"}) {
		t.Errorf("recursive: %v", got)
	}
	described := func(key, option string, values ...string) (names []string) {
		f := types.ParameterStringFilter{Key: &key, Values: values}
		if option != "" {
			f.Option = &option
		}
		out, err := h.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{f}})
		if err != nil {
			return []string{code(err)}
		}
		for _, p := range out.Parameters {
			names = append(names, *p.Name)
		}
		return names
	}
	for _, x := range []struct {
		key, option string
		values      []string
		want        string
	}{
		{"Name", "", []string{"other"}, "[other]"},
		{"Name", "BeginsWith", []string{"/a"}, "[/a/b/c /a/x /a/y /a/z /ab]"},
		{"Type", "", []string{"StringList"}, "[/a/z]"},
		{"Path", "Recursive", []string{"/a/b"}, "[/a/b/c]"},
		{"tag:team", "", []string{"blue"}, "[/a/z]"},
		{"tag:team", "", []string{"red"}, "[]"},
		{"Label", "", []string{"x"}, "[InvalidFilterKey]"},
		{"Name", "Between", []string{"x"}, "[InvalidFilterOption]"},
	} {
		if got := fmt.Sprint(described(x.key, x.option, x.values...)); got != x.want {
			t.Errorf("%s %s %v: %s, want %s", x.key, x.option, x.values, got, x.want)
		}
	}
	some, err := h.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/ab", "none", "other:7"}})
	if err != nil || len(some.Parameters) != 1 || !slices.Equal(some.InvalidParameters, []string{"none", "other:7"}) {
		t.Errorf("%+v, %v", some, err)
	}
	gone, err := h.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{"/ab", "none"}})
	if err != nil || !slices.Equal(gone.DeletedParameters, []string{"/ab"}) || h.value("/ab") != "ParameterNotFound" {
		t.Errorf("%+v, %v", gone, err)
	}
	h.must(h.tags("/a/z", "map[size:big]"))
}

// tags changes the tags of a parameter and compares what it has then.
func (h *house) tags(name, want string) error {
	ctx := h.t.Context()
	if _, err := h.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter,
		ResourceId: &name, Tags: []types.Tag{{Key: new("size"), Value: new("big")}}}); err != nil {
		return err
	}
	if _, err := h.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name, TagKeys: []string{"team"}}); err != nil {
		return err
	}
	out, err := h.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name})
	if err != nil {
		return err
	}
	has := map[string]string{}
	for _, t := range out.TagList {
		has[*t.Key] = *t.Value
	}
	if got := fmt.Sprint(has); got != want {
		return fmt.Errorf("tags %s, want %s", got, want)
	}
	return nil
}

// The oldest version goes when there are a hundred, unless it has a label.
func TestManyVersions(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(h.put("many", "v1"))
	for i := 2; i <= 101; i++ {
		h.must(h.put("many", fmt.Sprintf("v%d", i), overwrite))
	}
	if got := h.value("many:1"); got != "ParameterVersionNotFound" {
		t.Errorf("the first of 101 versions is %s", got)
	}
	if _, err := h.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: new("many"),
		ParameterVersion: new(int64(2)), Labels: []string{"keep"}}); err != nil {
		t.Fatal(err)
	}
	if err := h.put("many", "v102", overwrite); code(err) != "ParameterMaxVersionLimitExceeded" {
		t.Error(err)
	}
	if h.value("many:2") != "v2" || h.value("many") != "v101" {
		t.Error(h.value("many:2"), h.value("many"))
	}
}
