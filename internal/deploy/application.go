package deploy

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// Limits of AWS.
const (
	maxApplications = 1000
	maxBatch        = 100
)

type application struct {
	id string
	*cd.ApplicationInfo
}

func findApplication(ctx context.Context, q store.Queryer, name *string) (*application, error) {
	a := &application{ApplicationInfo: new(cd.ApplicationInfo)}
	ok, err := store.Find(ctx, q, []any{&a.id, store.JSON(a.ApplicationInfo)},
		`SELECT id, doc FROM deploy_applications WHERE name = $1`, awsproto.Value(name))
	if err == nil && !ok {
		err = &cd.ApplicationDoesNotExistException{Message: "No application found for name: " + awsproto.Value(name)}
	}
	return a, err
}

// CreateApplication implements codedeploy:CreateApplication.
func (s *Service) CreateApplication(ctx context.Context,
	in *cd.CreateApplicationInput) (*cd.CreateApplicationOutput, error) {
	a := &cd.ApplicationInfo{ApplicationId: new(uuid.NewString()), ApplicationName: in.ApplicationName,
		CreateTime:     awsproto.At(s.Now()),
		LinkedToGitHub: new(false), ComputePlatform: in.ComputePlatform}
	if a.ComputePlatform == "" {
		a.ComputePlatform = cd.ComputePlatformServer
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := findApplication(ctx, tx, in.ApplicationName); err == nil {
			return &cd.ApplicationAlreadyExistsException{Message: "Application already exists with name: " +
				*in.ApplicationName}
		}
		if err := atMost(ctx, tx, maxApplications,
			&cd.ApplicationLimitExceededException{Message: "An account may have 1000 applications."},
			`SELECT COUNT(*) FROM deploy_applications`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO deploy_applications (id, name, doc) VALUES ($1, $2, $3)`,
			*a.ApplicationId, *a.ApplicationName, store.JSON(a)); err != nil {
			return err
		}
		return setTags(ctx, tx, s.arn("application:", *a.ApplicationName), in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &cd.CreateApplicationOutput{ApplicationId: a.ApplicationId}, nil
}

// atMost refuses one more where a query counts the limit already.
func atMost(ctx context.Context, q store.Queryer, limit int, refusal error, query string, args ...any) error {
	var n int
	if err := q.QueryRow(ctx, query, args...).Scan(&n); err != nil {
		return err
	}
	if n >= limit {
		return refusal
	}
	return nil
}

// GetApplication implements codedeploy:GetApplication.
func (s *Service) GetApplication(ctx context.Context, in *cd.GetApplicationInput) (*cd.GetApplicationOutput, error) {
	a, err := findApplication(ctx, s.db, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	return &cd.GetApplicationOutput{Application: a.ApplicationInfo}, nil
}

func tooMany(n, limit int) error {
	if n <= limit {
		return nil
	}
	return &cd.BatchLimitExceededException{Message: fmt.Sprintf("At most %d names or IDs may be given at once, not %d.",
		limit, n)}
}

// BatchGetApplications implements codedeploy:BatchGetApplications.
func (s *Service) BatchGetApplications(ctx context.Context,
	in *cd.BatchGetApplicationsInput) (*cd.BatchGetApplicationsOutput, error) {
	out := &cd.BatchGetApplicationsOutput{ApplicationsInfo: []cd.ApplicationInfo{}}
	if err := tooMany(len(in.ApplicationNames), maxBatch); err != nil {
		return nil, err
	}
	if len(in.ApplicationNames) == 0 {
		return out, nil
	}
	found, err := store.Documents[cd.ApplicationInfo](ctx, s.db,
		`SELECT doc FROM deploy_applications WHERE name IN `+store.In(1, len(in.ApplicationNames))+` ORDER BY name`,
		store.Args(in.ApplicationNames)...)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, a := range found {
		known[*a.ApplicationName] = true
		out.ApplicationsInfo = append(out.ApplicationsInfo, *a)
	}
	for _, name := range in.ApplicationNames {
		if !known[name] {
			return nil, &cd.ApplicationDoesNotExistException{Message: "No application found for name: " + name}
		}
	}
	return out, nil
}

// ListApplications implements codedeploy:ListApplications.
func (s *Service) ListApplications(ctx context.Context,
	in *cd.ListApplicationsInput) (*cd.ListApplicationsOutput, error) {
	names, next, err := page(s, "ListApplications", nil, in.NextToken, func(after string, limit int) ([]string, error) {
		return store.Strings(ctx, s.db, `SELECT name FROM deploy_applications WHERE name > $1 ORDER BY name LIMIT $2`,
			after, limit)
	}, itself)
	return &cd.ListApplicationsOutput{Applications: names, NextToken: next}, err
}

// UpdateApplication implements codedeploy:UpdateApplication: it gives an application another name.
func (s *Service) UpdateApplication(ctx context.Context,
	in *cd.UpdateApplicationInput) (*cd.UpdateApplicationOutput, error) {
	if in.ApplicationName == nil {
		return nil, &cd.ApplicationNameRequiredException{Message: "An application name must be given."}
	}
	if in.NewApplicationName == nil {
		return nil, nil
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		a, err := findApplication(ctx, tx, in.ApplicationName)
		if err != nil || *in.NewApplicationName == *in.ApplicationName {
			return err
		}
		if _, err := findApplication(ctx, tx, in.NewApplicationName); err == nil {
			return &cd.ApplicationAlreadyExistsException{Message: "Application already exists with name: " +
				*in.NewApplicationName}
		}
		a.ApplicationName = in.NewApplicationName
		if _, err := tx.Exec(ctx, `UPDATE deploy_applications SET name = $2, doc = $3 WHERE id = $1`, a.id,
			*a.ApplicationName, store.JSON(a.ApplicationInfo)); err != nil {
			return err
		}
		groups, err := store.Strings(ctx, tx, `SELECT name FROM deploy_groups WHERE application = $1`, a.id)
		if err != nil {
			return err
		}
		if err := moveTags(ctx, tx, s.arn("application:", *in.ApplicationName),
			s.arn("application:", *in.NewApplicationName)); err != nil {
			return err
		}
		for _, g := range groups {
			if err := moveTags(ctx, tx, s.groupARN(*in.ApplicationName, g),
				s.groupARN(*in.NewApplicationName, g)); err != nil {
				return err
			}
			if err := s.renamed(ctx, tx, *in.ApplicationName, g, *in.NewApplicationName, g); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteApplication implements codedeploy:DeleteApplication, with its groups and revisions; an unknown name is no
// error. Its deployments stay in the history, and one that is in progress fails.
func (s *Service) DeleteApplication(ctx context.Context,
	in *cd.DeleteApplicationInput) (*cd.DeleteApplicationOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		a, err := findApplication(ctx, tx, in.ApplicationName)
		if awsproto.Code(err) == "ApplicationDoesNotExistException" {
			return nil
		}
		if err != nil {
			return err
		}
		groups, err := groupsOf(ctx, tx, a)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := s.removeGroup(ctx, tx, g, cd.ErrorCodeApplicationMissing,
				"The application "+*a.ApplicationName+
					" was deleted while the deployment was in progress."); err != nil {
				return err
			}
		}
		for _, statement := range []string{`DELETE FROM deploy_revisions WHERE application = $1`,
			`DELETE FROM deploy_applications WHERE id = $1`} {
			if _, err := tx.Exec(ctx, statement, a.id); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `DELETE FROM deploy_tags WHERE arn = $1`, s.arn("application:", *a.ApplicationName))
		return err
	})
}
