package runner

import (
	"archive/zip"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"os"
	"path"
	"strings"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/spec/buildspec"
)

// noFiles is CodeBuild's word for an artifact without files, and the patterns that match none.
func noFiles(a buildspec.Artifact) error {
	where := ""
	if a.BaseDirectory != "" {
		where = " in " + a.BaseDirectory
	}
	return fmt.Errorf("no matching artifact paths found: no file%s matches %s", where, strings.Join(a.Files, ", "))
}

// selected are the files of an artifact.
func selected(a buildspec.Artifact) selection {
	return selection{
		base:     a.BaseDirectory,
		files:    a.Files,
		exclude:  a.ExcludePaths,
		discard:  a.DiscardPaths,
		symlinks: a.EnableSymlinks,
	}
}

// upload puts out an artifact and returns where it lies.
func (b *build) upload(ctx context.Context, o slipway.Output, a buildspec.Artifact) (*codebuild.BuildArtifacts, error) {
	files, release, err := b.space.find(ctx, selected(a))
	defer release()
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, noFiles(a)
	}
	b.log.say("Found %d file(s)", len(files))
	key, err := artifactKey(o, a, value(b.order.Build.Id))
	if err != nil {
		return nil, err
	}
	result := &codebuild.BuildArtifacts{Location: new("arn:aws:s3:::" + o.Bucket + "/" + key)}
	if o.Identifier != "" {
		result.ArtifactIdentifier = new(o.Identifier)
	}
	if o.OverrideName {
		result.OverrideArtifactName = new(true)
	}
	header := map[string]string{"X-Amz-Meta-Codebuild-Buildarn": value(b.order.Build.Arn)}
	if !o.Zip {
		return result, b.putFiles(ctx, o.Bucket, key, files, header)
	}
	f, err := os.CreateTemp(b.space.place.Dir, "artifact-*.zip")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	sha, md := sha256.New(), md5.New()
	size := counter(0)
	if err := zipped(ctx, io.MultiWriter(f, sha, md, &size), files); err != nil {
		return nil, err
	}
	header["Content-Type"] = "application/zip"
	result.Sha256sum, result.Md5sum = new(hex.EncodeToString(sha.Sum(nil))), new(hex.EncodeToString(md.Sum(nil)))
	return result, b.objects.put(ctx, o.Bucket, key, f, int64(size), header)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func zipped(ctx context.Context, w io.Writer, files []found) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := zipFile(ctx, z, f); err != nil {
			return err
		}
	}
	return z.Close()
}

func zipFile(ctx context.Context, z *zip.Writer, f found) error {
	h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
	if f.link != "" {
		h.SetMode(fs.ModeSymlink | 0o777)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(w, f.link)
		}
		return err
	}
	file, info, err := openRegular(f.root, f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	h.Modified = info.ModTime()
	h.SetMode(info.Mode().Perm())
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = io.Copy(w, under{ctx, file})
	}
	return err
}

func (b *build) putFiles(ctx context.Context, bucket, prefix string, files []found, header map[string]string) error {
	for _, f := range files {
		file, info, err := openRegular(f.root, f.path)
		if err != nil {
			return err
		}
		one := map[string]string{}
		for k, v := range header {
			one[k] = v
		}
		if t := mime.TypeByExtension(path.Ext(f.name)); t != "" {
			one["Content-Type"] = t
		}
		err = b.objects.put(ctx, bucket, strings.TrimPrefix(prefix+"/"+f.name, "/"), file, info.Size(), one)
		_ = file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// artifactKey puts a key together: path, build's ID, name. The buildspec's name counts where the project says so, and
// its prefix where the ID is part of the key.
func artifactKey(o slipway.Output, a buildspec.Artifact, buildID string) (string, error) {
	if o.Key != "" {
		return o.Key, nil
	}
	name, prefix := o.Name, o.Path
	if o.OverrideName && a.Name != "" {
		name = a.Name
	}
	parts := []string{}
	if o.Namespace {
		_, id, _ := strings.Cut(buildID, ":")
		if a.S3Prefix != "" {
			prefix = a.S3Prefix
		}
		parts = append(parts, prefix, id)
	} else {
		parts = append(parts, prefix)
	}
	key := path.Join(append(parts, name)...)
	key = strings.TrimPrefix(path.Clean("/"+key), "/")
	if key == "" && o.Zip {
		return "", fmt.Errorf("the artifact %s has no name", o.Identifier)
	}
	if len(key) > 1024 {
		return "", fmt.Errorf("the artifact's key has %d bytes; there may be 1024", len(key))
	}
	return key, nil
}
