package source

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	cc "slipway/api/codecommit"
)

const maxFile = 6 << 20 // bytes of a file by the API

var modeNames = map[string]cc.FileModeTypeEnum{
	"100644": cc.FileModeTypeEnumNormal,
	"100755": cc.FileModeTypeEnumExecutable,
	"120000": cc.FileModeTypeEnumSymlink,
}

// cleanPath cleans a path inside a repository. The root is "". It returns false for a path that leaves the repository.
func cleanPath(p string) (clean string, ok bool) {
	p = strings.Trim(p, "/")
	if p == "" || p == "." {
		return "", true
	}
	c := path.Clean(p)
	return c, c == p && !strings.HasPrefix(c, "../") && c != ".." && !strings.ContainsAny(c, "\x00\n") && c != ".git" &&
		!strings.HasPrefix(c, ".git/")
}

func filePath(p string) (string, error) {
	c, ok := cleanPath(p)
	if !ok || c == "" {
		return "", &cc.InvalidPathException{Message: fmt.Sprintf("%q is no path of a file in a repository.", p)}
	}
	return c, nil
}

// GetBlob implements codecommit:GetBlob.
func (s *Service) GetBlob(ctx context.Context, in *cc.GetBlobInput) (*cc.GetBlobOutput, error) {
	if !isCommitID(*in.BlobId) {
		return nil, &cc.InvalidBlobIdException{Message: *in.BlobId + " is no blob ID."}
	}
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	size, err := r.text(ctx, "cat-file", "-s", *in.BlobId)
	if err == nil {
		if n, _ := strconv.ParseInt(size, 10, 64); n > maxFile {
			return nil, &cc.FileTooLargeException{Message: "The blob is larger than 6 MB; fetch it with git."}
		}
		var content []byte
		if content, err = r.blob(ctx, *in.BlobId); err == nil {
			return &cc.GetBlobOutput{Content: content}, nil
		}
	}
	if _, failed := errors.AsType[*gitError](err); failed {
		err = &cc.BlobIdDoesNotExistException{
			Message: "The blob " + *in.BlobId + " does not exist in " + *in.RepositoryName + ".",
		}
	}
	return nil, err
}

// GetFile implements codecommit:GetFile.
func (s *Service) GetFile(ctx context.Context, in *cc.GetFileInput) (*cc.GetFileOutput, error) {
	file, err := filePath(*in.FilePath)
	if err != nil {
		return nil, err
	}
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	commit, err := r.commit(ctx, in.CommitSpecifier)
	if err != nil {
		return nil, err
	}
	e, err := r.at(ctx, commit, file)
	if err != nil {
		return nil, err
	}
	if e == nil || e.kind != "blob" {
		return nil, &cc.FileDoesNotExistException{Message: "The file " + file + " does not exist in commit " + commit +
			"."}
	}
	if e.size > maxFile {
		return nil, &cc.FileTooLargeException{Message: "The file is larger than 6 MB; fetch it with git."}
	}
	content, err := r.blob(ctx, e.id)
	return &cc.GetFileOutput{
		CommitId:    &commit,
		BlobId:      &e.id,
		FilePath:    &file,
		FileMode:    modeNames[e.mode],
		FileSize:    new(int64(len(content))),
		FileContent: content,
	}, err
}

// GetFolder implements codecommit:GetFolder.
func (s *Service) GetFolder(ctx context.Context, in *cc.GetFolderInput) (*cc.GetFolderOutput, error) {
	folder, ok := cleanPath(*in.FolderPath)
	if !ok {
		return nil, &cc.InvalidPathException{Message: fmt.Sprintf("%q is no path of a folder in a repository.",
			*in.FolderPath)}
	}
	r, err := s.open(ctx, *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	commit, err := r.commit(ctx, in.CommitSpecifier)
	if err != nil {
		return nil, err
	}
	tree, err := r.text(ctx, "rev-parse", "--verify", "--quiet", commit+":"+folder)
	var entries []entry
	if err == nil {
		entries, err = r.tree(ctx, tree, "", false)
	}
	if _, failed := errors.AsType[*gitError](err); failed {
		return nil, &cc.FolderDoesNotExistException{
			Message: "The folder " + folder + " does not exist in commit " + commit + ".",
		}
	}
	if err != nil {
		return nil, err
	}
	out := &cc.GetFolderOutput{
		CommitId:      &commit,
		FolderPath:    &folder,
		TreeId:        &tree,
		SubFolders:    []cc.Folder{},
		Files:         []cc.File{},
		SymbolicLinks: []cc.SymbolicLink{},
		SubModules:    []cc.SubModule{},
	}
	for _, e := range entries {
		name, absolute := e.path, path.Join(folder, e.path)
		switch {
		case e.kind == "tree":
			out.SubFolders = append(out.SubFolders,
				cc.Folder{TreeId: &e.id, AbsolutePath: &absolute, RelativePath: &name})
		case e.kind == "commit":
			out.SubModules = append(out.SubModules,
				cc.SubModule{CommitId: &e.id, AbsolutePath: &absolute, RelativePath: &name})
		case e.mode == "120000":
			out.SymbolicLinks = append(out.SymbolicLinks,
				cc.SymbolicLink{
					BlobId:       &e.id,
					AbsolutePath: &absolute,
					RelativePath: &name,
					FileMode:     modeNames[e.mode],
				})
		default:
			out.Files = append(out.Files,
				cc.File{BlobId: &e.id, AbsolutePath: &absolute, RelativePath: &name, FileMode: modeNames[e.mode]})
		}
	}
	return out, nil
}
