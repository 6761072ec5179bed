package s3

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"mime"
	"path"
	"strings"

	cp "slipway/api/codepipeline"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// Limits of what a deploy action unpacks.
const (
	maxUnpacked = 10 << 30 // bytes
	maxFiles    = 100_000
)

// Deploy implements pipeline.Provider.
type Deploy struct{ Objects Objects }

// Types implements pipeline.Provider.
func (*Deploy) Types() []pipelinefile.ActionType {
	return pipelinefile.AWS().Of("S3", cp.ActionCategoryDeploy)
}

// Unsupported implements pipeline.Provider: access control lists, and encryption keys.
func (*Deploy) Unsupported(a *cp.ActionDeclaration) string {
	acl := a.Configuration["CannedACL"]
	switch {
	case acl != "" && acl != "private":
		return "CannedACL " + acl
	case a.Configuration["KMSEncryptionKeyARN"] != "":
		return "KMSEncryptionKeyARN"
	}
	return ""
}

// Describe implements pipeline.Provider.
func (*Deploy) Describe(a *cp.ActionDeclaration) pipeline.Description {
	return pipeline.Description{What: "s3://" + a.Configuration["BucketName"] + "/" + a.Configuration["ObjectKey"]}
}

// Start implements pipeline.Provider: it puts the input artifact into the bucket, whole or unpacked.
func (p *Deploy) Start(ctx context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	from := a.Inputs[0].S3location
	bucket, key := a.Configuration["BucketName"], a.Configuration["ObjectKey"]
	o, f, err := p.Objects.Get(ctx, *from.Bucket, *from.Key, "")
	if err != nil {
		return pipeline.Outcome{}, pipeline.ObjectError(err, *from.Bucket)
	}
	defer f.Close()
	if strings.EqualFold(a.Configuration["Extract"], "true") {
		err = p.extract(ctx, a, f, o.Size)
	} else {
		meta := object.Meta{CacheControl: a.Configuration["CacheControl"], ContentType: "application/zip"}
		_, err = p.Objects.Put(ctx, bucket, key, f, &meta, object.Condition{})
		err = pipeline.ObjectError(err, bucket)
	}
	if err != nil {
		return pipeline.Outcome{}, err
	}
	variables := map[string]string{"BucketName": bucket, "ObjectKey": key}
	return pipeline.Outcome{Result: &pipeline.Result{Variables: variables}}, nil
}

// extract puts each file of an artifact below the object key.
func (p *Deploy) extract(ctx context.Context, a *pipeline.Action, f io.ReaderAt, size int64) error {
	name := *a.Inputs[0].Name
	archive, err := zip.NewReader(f, size)
	if err != nil {
		return pipeline.Refuse("InvalidArtifact", "The artifact %s is no zip: %v", name, err)
	}
	if len(archive.File) > maxFiles {
		return pipeline.Refuse("InvalidArtifact", "The artifact %s holds %d files; at most %d are unpacked",
			name, len(archive.File), maxFiles)
	}
	left := int64(maxUnpacked)
	for _, entry := range archive.File {
		if entry.FileInfo().IsDir() {
			continue
		}
		if !fs.ValidPath(entry.Name) {
			return pipeline.Refuse("InvalidArtifact", "The artifact %s holds a file with the path %q, which leaves it",
				name, entry.Name)
		}
		if err := p.file(ctx, a, entry, &left); err != nil {
			return err
		}
	}
	return nil
}

// file puts one file of an artifact. left is how many bytes all files may still have.
func (p *Deploy) file(ctx context.Context, a *pipeline.Action, entry *zip.File, left *int64) error {
	bucket, key := a.Configuration["BucketName"], path.Join(a.Configuration["ObjectKey"], entry.Name)
	r, err := entry.Open()
	if err != nil {
		return pipeline.Refuse("InvalidArtifact", "%s: %v", entry.Name, err)
	}
	defer r.Close()
	meta := object.Meta{
		CacheControl: a.Configuration["CacheControl"],
		ContentType:  mime.TypeByExtension(path.Ext(key)),
	}
	limited := &io.LimitedReader{R: r, N: *left + 1}
	_, err = p.Objects.Put(ctx, bucket, key, limited, &meta, object.Condition{})
	if isBroken(err) {
		return pipeline.Refuse("InvalidArtifact", "%s: %v", entry.Name, err)
	}
	if *left = limited.N - 1; *left < 0 && err == nil {
		return pipeline.Refuse("InvalidArtifact", "The artifact unpacks to more than %d GiB", maxUnpacked>>30)
	}
	return pipeline.ObjectError(err, bucket)
}

// isBroken reports whether a zip could not be read.
func isBroken(err error) bool {
	return errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF)
}
