package identity

import (
	"context"
	"database/sql"
	"net/url"
	"path"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
)

// HostPath is the path of the users of hosts, where `aws deploy register` puts them. A user's row is named by path and
// name, so that a host's user cannot be taken for another user. IAM's operations name it without the path, as AWS's do.
const HostPath = "AWS/CodeDeploy/"

// userName is a user's name without its path.
func userName(stored string) string { return path.Base(stored) }

// userPath is the path of a user, as IAM writes it.
func userPath(stored string) string {
	if dir := path.Dir(stored); dir != "." {
		return "/" + dir + "/"
	}
	return "/"
}

// onlyHosts refuses operations that need policies, which Slipway does not have. A user made by the API has the rights
// of a host only.
func onlyHosts(what string) error {
	return &awsproto.Error{Code: "NotImplementedException", Status: 501,
		Message: "Slipway does not implement " + what +
			" yet, except for the users of hosts, which have the path /AWS/CodeDeploy/."}
}

// CreateUser implements iam:CreateUser for the users of hosts.
func (s *Service) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	switch {
	case in.Path == nil || *in.Path != "/"+HostPath:
		return nil, onlyHosts("users with policies of their own")
	case in.PermissionsBoundary != nil:
		return nil, onlyHosts("permissions boundaries")
	case len(in.Tags) > 0:
		return nil, onlyHosts("tags of users")
	}
	name := HostPath + *in.UserName
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.userOf(ctx, tx, in.UserName); err == nil {
			return &iam.EntityAlreadyExistsException{Message: "User with name " + *in.UserName + " already exists."}
		} else if awsproto.Code(err) != "NoSuchEntity" {
			return err
		}
		return s.insertUser(ctx, tx, name, Host)
	})
	if err != nil {
		return nil, err
	}
	u, err := s.user(ctx, name)
	return &iam.CreateUserOutput{User: u}, err
}

func (s *Service) insertUser(ctx context.Context, tx store.Tx, name, role string) error {
	_, err := tx.Exec(ctx,
		`INSERT INTO users (name, id, arn, role, created) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING`,
		name, "AIDA"+randomID(), s.UserARN(name), role, s.Now().UnixMilli())
	return err
}

// GetUser implements iam:GetUser; without a name it is the caller.
func (s *Service) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	name, err := s.userOf(ctx, s.db, in.UserName)
	if err != nil {
		return nil, err
	}
	u, err := s.user(ctx, name)
	return &iam.GetUserOutput{User: u}, err
}

func (s *Service) user(ctx context.Context, name string) (*iam.User, error) {
	u := &iam.User{UserName: new(userName(name)), Path: new(userPath(name)), UserId: new(""), Arn: new("")}
	var created int64
	if err := s.db.QueryRow(ctx, `SELECT id, arn, created FROM users WHERE name = $1`, name).Scan(u.UserId, u.Arn,
		&created); err != nil {
		return nil, err
	}
	u.CreateDate = awsproto.At(time.UnixMilli(created))
	return u, nil
}

// DeleteUser implements iam:DeleteUser for the users of hosts. As IAM it refuses a user that still has keys or
// policies.
func (s *Service) DeleteUser(ctx context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		name, err := s.hostUser(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		for _, left := range []struct{ table, message string }{
			{"access_keys", "Cannot delete entity, must delete access keys first."},
			{"user_policies", "Cannot delete entity, must delete policies first."},
		} {
			var n int
			if _, err := store.Find(ctx, tx, []any{&n}, `SELECT COUNT(*) FROM `+left.table+` WHERE owner = $1`,
				name); err != nil {
				return err
			}
			if n > 0 {
				return &iam.DeleteConflictException{Message: left.message}
			}
		}
		for _, table := range []string{"git_credentials", "sessions"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE owner = $1`, name); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `DELETE FROM users WHERE name = $1`, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return nil, s.load(ctx)
}

// hostUser finds the user of a host by its name.
func (s *Service) hostUser(ctx context.Context, q store.Queryer, name *string) (string, error) {
	stored, err := s.userOf(ctx, q, name)
	if err == nil && userPath(stored) != "/"+HostPath {
		err = onlyHosts("changes of this user")
	}
	return stored, err
}

// maxPolicies is IAM's limit of what the documents of a user's inline policies may have together, in characters.
const maxPolicies = 2048

// PutUserPolicy implements iam:PutUserPolicy for the users of hosts. The document is stored and returned, and has no
// effect: a host may always fetch its own commands and bundles.
func (s *Service) PutUserPolicy(ctx context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		name, err := s.hostUser(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		if !isJSONObject(*in.PolicyDocument) {
			return &iam.MalformedPolicyDocumentException{Message: "Syntax errors in policy."}
		}
		var others int
		if _, err := store.Find(ctx, tx, []any{&others},
			`SELECT COALESCE(SUM(LENGTH(document)), 0) FROM user_policies WHERE owner = $1 AND name <> $2`, name,
			*in.PolicyName); err != nil {
			return err
		}
		if others+len(*in.PolicyDocument) > maxPolicies {
			return &iam.LimitExceededException{Message: "Maximum policy size of 2048 bytes exceeded for user " +
				*in.UserName}
		}
		_, err = tx.Exec(ctx,
			`INSERT INTO user_policies (owner, name, document) VALUES ($1, $2, $3) ON CONFLICT (owner, name) DO UPDATE
				SET document = excluded.document`,
			name, *in.PolicyName, *in.PolicyDocument)
		return err
	})
}

// GetUserPolicy implements iam:GetUserPolicy. The document is percent-encoded, as IAM returns it.
func (s *Service) GetUserPolicy(ctx context.Context, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	name, err := s.userOf(ctx, s.db, in.UserName)
	if err != nil {
		return nil, err
	}
	var document string
	ok, err := store.Find(ctx, s.db, []any{&document},
		`SELECT document FROM user_policies WHERE owner = $1 AND name = $2`, name, *in.PolicyName)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noPolicy(*in.PolicyName)
	}
	return &iam.GetUserPolicyOutput{
		UserName:       in.UserName,
		PolicyName:     in.PolicyName,
		PolicyDocument: new(url.PathEscape(document)),
	}, nil
}

func noPolicy(name string) error {
	return &iam.NoSuchEntityException{Message: "The user policy with name " + name + " cannot be found."}
}

// ListUserPolicies implements iam:ListUserPolicies. There are so few that a page holds them all.
func (s *Service) ListUserPolicies(ctx context.Context,
	in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	name, err := s.userOf(ctx, s.db, in.UserName)
	if err != nil {
		return nil, err
	}
	names, err := store.Strings(ctx, s.db, `SELECT name FROM user_policies WHERE owner = $1 ORDER BY name`, name)
	if names == nil {
		names = []string{}
	}
	return &iam.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: new(false)}, err
}

// DeleteUserPolicy implements iam:DeleteUserPolicy.
func (s *Service) DeleteUserPolicy(ctx context.Context,
	in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		name, err := s.userOf(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		r, err := tx.Exec(ctx, `DELETE FROM user_policies WHERE owner = $1 AND name = $2`, name, *in.PolicyName)
		return oneRow(r, err, noPolicy(*in.PolicyName))
	})
}

// oneRow returns an error if a statement changed nothing.
func oneRow(r sql.Result, err, none error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return none
	}
	return nil
}
