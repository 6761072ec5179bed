package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cc "slipway/api/codecommit"
)

// scratch has the refs of commits that are not yet on their branch, so that git gc keeps them. Clients cannot see it.
const scratch = "refs/slipway/commit/"

const noObject = "0000000000000000000000000000000000000000"

// Limits for which AWS's documents have no number. They keep a commit's header short.
const (
	maxAuthor  = 1000
	maxMessage = 1 << 20
)

// draft is a commit that an operation makes.
type draft struct {
	repository, branch, parent *string
	change
	name, email, message *string
	defaultMessage       func([]edit) string
}

// made is a commit that was made.
type made struct {
	commit, tree string
	edits        []edit
}

// write makes a commit of a draft and puts it on its branch.
func (s *Service) write(ctx context.Context, d *draft) (*made, error) {
	if d.name == nil {
		d.name = new(awsproto.CallerOf(ctx).Name)
	}
	if d.email == nil {
		d.email = new("")
	}
	if err := checkBranchName(*d.branch); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	r, err := s.open(ctx, *d.repository)
	if err != nil {
		return nil, err
	}
	parent, err := r.parent(ctx, *d.branch, d.parent)
	if err != nil {
		return nil, err
	}
	m := &made{}
	if m.edits, err = r.edits(ctx, d, parent); err != nil {
		return nil, err
	}
	if d.message == nil {
		d.message = new(d.defaultMessage(m.edits))
	}
	ref := scratch + uuid.NewString()
	if err := r.importCommit(ctx, d, parent, ref, m, s.Now().Unix()); err != nil {
		return nil, err
	}
	// A commit that is acknowledged must be announced, even if the client goes away.
	ctx = context.WithoutCancel(ctx)
	if err := r.advance(ctx, *d.branch, parent, m.commit, ref); err != nil {
		return nil, err
	}
	return m, s.Record(ctx, *r.RepositoryId)
}

// edits are what a draft changes of its parent commit.
func (r *repository) edits(ctx context.Context, d *draft, parent string) ([]edit, error) {
	paths, err := d.paths()
	if err != nil {
		return nil, err
	}
	standing, err := r.standing(ctx, parent, paths)
	if err != nil {
		return nil, err
	}
	inside := map[string][]string{}
	if d.keepEmpty {
		for _, folder := range d.emptied() {
			if standing[folder].kind != "tree" {
				continue
			}
			entries, err := r.tree(ctx, standing[folder].id, "", false)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				inside[folder] = append(inside[folder], e.path)
			}
		}
	}
	return d.plan(standing, inside)
}

// advance moves a branch from its tip to a commit that a scratch ref holds, and drops the ref.
func (r *repository) advance(ctx context.Context, branch, tip, commit, ref string) error {
	old := tip
	if old == "" {
		old = noObject
	}
	update := fmt.Sprintf("start\nupdate refs/heads/%s %s %s\ndelete %s %s\nprepare\ncommit\n", branch, commit, old,
		ref,
		commit)
	_, err := r.run(ctx, strings.NewReader(update), "update-ref", "--stdin")
	if err == nil {
		return nil
	}
	if o, terr := r.tip(ctx, branch); terr == nil && o.id != tip {
		err = outdated(branch)
	}
	_, derr := r.run(ctx, nil, "update-ref", "-d", ref)
	return errors.Join(err, derr)
}

func outdated(branch string) error {
	return &cc.ParentCommitIdOutdatedException{
		Message: "The file could not be added because the provided parent commit ID is not the current tip of the " +
			"branch " + branch + ". To view the full commit ID of the current head of the branch, use GetBranch.",
	}
}

func (d *draft) check() error {
	if strings.ContainsAny(*d.email, "<>\n\r\x00 ") || len(*d.email) > maxAuthor {
		return &cc.InvalidEmailException{Message: fmt.Sprintf("%.100q is no email address.", *d.email)}
	}
	if len(*d.name) > maxAuthor {
		return &cc.NameLengthExceededException{
			Message: fmt.Sprintf("The author's name has %d bytes; at most %d are taken.", len(*d.name), maxAuthor),
		}
	}
	// Git does not allow these characters in a name, and drops some of them itself.
	d.name = new(strings.Map(func(r rune) rune {
		if strings.ContainsRune("<>\n\r\x00", r) {
			return -1
		}
		return r
	}, *d.name))
	if d.message != nil && len(*d.message) > maxMessage {
		return &cc.CommitMessageLengthExceededException{Message: "The commit message is longer than 1 MB."}
	}
	if d.message != nil && strings.Contains(*d.message, "\x00") {
		return &awsproto.Error{Code: "ValidationException", Message: "The commit message holds a NUL byte."}
	}
	return nil
}

// parent checks the parent commit that a client gives against the branch. It returns "" if the repository is empty.
func (r *repository) parent(ctx context.Context, branch string, given *string) (string, error) {
	tip, err := r.tip(ctx, branch)
	if err != nil {
		return "", err
	}
	if given != nil && !isCommitID(*given) {
		return "", &cc.InvalidParentCommitIdException{Message: *given +
			" is no commit ID: give all 40 hexadecimal digits."}
	}
	if given != nil && *given != tip.id {
		if c, err := r.readAll(ctx, []string{*given}); err != nil {
			return "", err
		} else if c[0].err != nil {
			return "", &cc.ParentCommitDoesNotExistException{
				Message: "The parent commit " + *given + " does not exist in " + *r.RepositoryName + ".",
			}
		}
	}
	if tip.id == "" {
		return "", r.mayStart(ctx, branch)
	}
	if given == nil {
		return "", &cc.ParentCommitIdRequiredException{
			Message: "A parent commit ID is required. To view the full commit ID of a branch, use GetBranch.",
		}
	}
	if *given != tip.id {
		return "", outdated(branch)
	}
	return tip.id, nil
}

// mayStart allows the first commit of a repository, and refuses a branch that is missing in one that has others.
func (r *repository) mayStart(ctx context.Context, branch string) error {
	refs, err := r.text(ctx, "for-each-ref", "--count=1", "--format=%(refname)", "refs/heads")
	if err != nil {
		return err
	}
	if tag, err := r.text(ctx, "for-each-ref", "--format=%(refname)", "refs/tags/"+branch); err != nil {
		return err
	} else if tag == "refs/tags/"+branch {
		return &cc.BranchNameIsTagNameException{Message: "The specified branch name " + branch +
			" is the name of a tag. Use the name of a branch in the repository."}
	}
	if refs != "" {
		return &cc.BranchDoesNotExistException{
			Message: "The branch " + branch + " does not exist in " + *r.RepositoryName + ".",
		}
	}
	return nil
}

// importCommit writes blobs, trees and commit in one git process. Its cost depends on the size of the change, not on
// the number of files in the repository.
func (r *repository) importCommit(ctx context.Context, d *draft, parent, ref string, m *made, now int64) error {
	var in bytes.Buffer
	who := fmt.Sprintf("%s <%s> %d +0000", *d.name, *d.email, now)
	if *d.name == "" {
		who = strings.TrimPrefix(who, " ")
	}
	fmt.Fprintf(&in, "feature done\ncommit %s\nmark :1\nauthor %s\ncommitter %s\ndata %d\n%s\n", ref, who, who,
		len(*d.message), *d.message)
	if parent != "" {
		fmt.Fprintf(&in, "from %s\n", parent)
	}
	for _, e := range m.edits {
		if e.removed {
			fmt.Fprintf(&in, "D %s\n", quotePath(e.path))
		}
	}
	for _, e := range m.edits {
		switch {
		case e.removed:
		case e.content != nil:
			fmt.Fprintf(&in, "M %s inline %s\ndata %d\n%s\n", e.mode, quotePath(e.path), len(e.content), e.content)
		default:
			fmt.Fprintf(&in, "M %s %s %s\n", e.mode, e.id, quotePath(e.path))
		}
	}
	in.WriteString("\nget-mark :1\nls :1 \"\"\ndone\n")
	out, err := r.run(ctx, &in, "fast-import", "--quiet", "--date-format=raw")
	if err != nil {
		return err
	}
	commit, tree, _ := strings.Cut(string(out), "\n")
	f := strings.Fields(tree) // 040000 tree ID
	if !isCommitID(commit) || len(f) < 3 || !isCommitID(f[2]) {
		return fmt.Errorf("git fast-import answered %.200q", out)
	}
	m.commit, m.tree = commit, f[2]
	return nil
}

func quotePath(p string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p) + `"`
}

// PutFile implements codecommit:PutFile.
func (s *Service) PutFile(ctx context.Context, in *cc.PutFileInput) (*cc.PutFileOutput, error) {
	m, err := s.write(ctx,
		&draft{repository: in.RepositoryName, branch: in.BranchName, parent: in.ParentCommitId, name: in.Name,
			email: in.Email, message: in.CommitMessage,
			change: change{put: []cc.PutFileEntry{{
				FilePath:    in.FilePath,
				FileMode:    in.FileMode,
				FileContent: in.FileContent,
			}}},
			defaultMessage: func(edits []edit) string {
				if edits[0].before != nil {
					return "Edited " + path.Base(edits[0].path)
				}
				return "Added " + path.Base(edits[0].path)
			}})
	if _, same := errors.AsType[*cc.NoChangeException](err); same {
		err = &cc.SameFileContentException{
			Message: "The file was not added or updated because the content of the file is exactly the same as the " +
				"content of that file in the repository and branch that you specified.",
		}
	}
	if err != nil {
		return nil, err
	}
	return &cc.PutFileOutput{CommitId: &m.commit, TreeId: &m.tree, BlobId: &m.edits[0].id}, nil
}

// DeleteFile implements codecommit:DeleteFile.
func (s *Service) DeleteFile(ctx context.Context, in *cc.DeleteFileInput) (*cc.DeleteFileOutput, error) {
	m, err := s.write(ctx,
		&draft{repository: in.RepositoryName, branch: in.BranchName, parent: in.ParentCommitId, name: in.Name,
			email: in.Email, message: in.CommitMessage,
			change: change{remove: []cc.DeleteFileEntry{{FilePath: in.FilePath}},
				keepEmpty: in.KeepEmptyFolders != nil && *in.KeepEmptyFolders},
			defaultMessage: func([]edit) string { return "Deleted " + path.Base(*in.FilePath) }})
	if err != nil {
		return nil, err
	}
	out := &cc.DeleteFileOutput{CommitId: &m.commit, TreeId: &m.tree, FilePath: in.FilePath}
	for _, e := range m.edits {
		if e.removed {
			out.BlobId = &e.before.id
		}
	}
	return out, nil
}

// CreateCommit implements codecommit:CreateCommit.
func (s *Service) CreateCommit(ctx context.Context, in *cc.CreateCommitInput) (*cc.CreateCommitOutput, error) {
	m, err := s.write(ctx,
		&draft{repository: in.RepositoryName, branch: in.BranchName, parent: in.ParentCommitId, name: in.AuthorName,
			email: in.Email, message: in.CommitMessage,
			change: change{
				put:       in.PutFiles,
				remove:    in.DeleteFiles,
				mode:      in.SetFileModes,
				keepEmpty: in.KeepEmptyFolders != nil && *in.KeepEmptyFolders,
			},
			defaultMessage: func([]edit) string { return "" }})
	if err != nil {
		return nil, err
	}
	out := &cc.CreateCommitOutput{
		CommitId:     &m.commit,
		TreeId:       &m.tree,
		FilesAdded:   []cc.FileMetadata{},
		FilesUpdated: []cc.FileMetadata{},
		FilesDeleted: []cc.FileMetadata{},
	}
	for _, e := range m.edits {
		f := cc.FileMetadata{AbsolutePath: &e.path, BlobId: &e.id, FileMode: modeNames[e.mode]}
		switch {
		case e.removed:
			out.FilesDeleted = append(out.FilesDeleted,
				cc.FileMetadata{AbsolutePath: &e.path, BlobId: &e.before.id, FileMode: modeNames[e.before.mode]})
		case e.before != nil:
			out.FilesUpdated = append(out.FilesUpdated, f)
		default:
			out.FilesAdded = append(out.FilesAdded, f)
		}
	}
	return out, nil
}
