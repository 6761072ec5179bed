package e2e

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	bt "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// keyedSpec builds a cache that goes by a key, of files that the source has.
const keyedSpec = `{"version": "0.2", "phases": {"build": {"commands": [
	"mkdir -p ~/.mod", "echo x >>~/.mod/n", "echo has $(wc -l <~/.mod/n)"]}},
	"cache": {"paths": ["/root/.mod/**/*"], "key": "go-$(codebuild-hash-files go.*)", "fallback-keys": ["go-"]}}`

// TestKeyedCaches drives the caches of the types S3 and LOCAL by a key that is made of the source's files, as a user
// sees them: in the build's log, in a list, and gone once they were invalidated.
func TestKeyedCaches(t *testing.T) {
	t.Parallel()
	f := newFlow(t)
	ctx := t.Context()
	must(f.s3().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: new("caches")}))(t)
	for _, kind := range []*bt.ProjectCache{
		{Type: bt.CacheTypeS3, Location: new("caches/ours")},
		{Type: bt.CacheTypeLocal, Modes: []bt.CacheMode{bt.CacheModeLocalCustomCache}},
	} {
		t.Run(string(kind.Type), func(t *testing.T) {
			name := "keyed-" + strings.ToLower(string(kind.Type))
			source := f.objectSource(name, map[string]string{"go.mod": "module x", "go.sum": "1"})
			c := f.inline(name, keyedSpec, func(in *codebuild.CreateProjectInput) {
				in.Source.Type, in.Source.Location, in.Cache = bt.SourceTypeS3, &source, kind
			})
			build := func(words ...string) {
				t.Helper()
				has(t, f.printed(*f.build(&codebuild.StartBuildInput{ProjectName: &name}).Id), words...)
			}
			build("cache: miss: no cache with a key of this kind is stored yet", "has 1\n", "cache: saved go-")
			build("cache: hit: restored go-", "of build "+name+":1, saved ", "has 2\n", "cache: not saved again")
			f.objectSource(name, map[string]string{"go.mod": "module x", "go.sum": "2"})
			build("cache: miss: go.sum changed since build "+name+":1; restored from fallback go-", "has 2\n",
				"cache: saved go-")
			listed, err := f.slipway("caches", name)
			if err != nil || strings.Count(listed, "/root/.mod") != 2 || !strings.Contains(listed, name+":3") {
				t.Errorf("%v\n%s", err, listed)
			}
			must(c.InvalidateProjectCache(ctx, &codebuild.InvalidateProjectCacheInput{ProjectName: &name}))(t)
			build("cache: miss: no cache with a key of this kind", "has 1\n", "cache: saved go-")
			build("cache: hit", "has 2\n")
		})
	}
}

// objectSource puts a zip of files into a bucket and returns its location.
func (i *instance) objectSource(name string, files map[string]string) string {
	i.t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w := must(z.Create(name))(i.t)
		if _, err := w.Write([]byte(text)); err != nil {
			i.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		i.t.Fatal(err)
	}
	i.put("caches", "sources/"+name+".zip", b.Bytes())
	return "caches/sources/" + name + ".zip"
}
