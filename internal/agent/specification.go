package agent

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/smallstep/pkcs7"

	cmd "slipway/api/codedeploycommand"
)

// specification is what the server wants deployed.
type specification struct {
	ApplicationName              string
	DeploymentId                 string
	DeploymentGroupId            string
	DeploymentGroupName          string
	DeploymentCreator            string
	DeploymentType               string
	AppSpecFilename              string
	LifecycleEvents              []string // hooks that an application specification may have; nil for any
	BundleSHA256                 string   // in hex
	ReuseArchiveFromDeploymentId string
	AgentActionOverrides         struct {
		AgentOverrides struct{ FileExistsBehavior string }
	}
	Revision struct {
		RevisionType string
		S3Revision   struct{ Bucket, Key, BundleType, Version, ETag string }
	}
}

// segment is what may name a folder.
var segment = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`) })

// pins holds the certificate that deployment specifications must be signed with: the one of the first that came.
type pins struct {
	mu   sync.Mutex
	path string
}

// open verifies an envelope and reads the specification in it.
func (p *pins) open(e *cmd.Envelope) (*specification, error) {
	if e == nil || e.Format == nil || e.Payload == nil {
		return nil, errors.New("the server sent no deployment specification")
	}
	if *e.Format != "PKCS7/JSON" {
		return nil, fmt.Errorf(
			"the deployment specification is in the format %q; only PKCS7/JSON, which is signed, is taken", *e.Format)
	}
	block, _ := pem.Decode([]byte(*e.Payload))
	if block == nil {
		return nil, errors.New("the deployment specification is no PEM")
	}
	signed, err := pkcs7.Parse(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the deployment specification is no PKCS #7: %w", err)
	}
	signer := signed.GetOnlySigner()
	if signer == nil {
		return nil, errors.New("the deployment specification is not signed by exactly one signer")
	}
	if err := signed.Verify(); err != nil {
		return nil, fmt.Errorf("the signature of the deployment specification does not hold: %w", err)
	}
	if err := p.check(signer.Raw); err != nil {
		return nil, err
	}
	return parseSpecification(signed.Content)
}

// check compares a signer with the pinned one, or pins it if there is none yet.
func (p *pins) check(certificate []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	content, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return writeFile(p.path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600)
	}
	if err != nil {
		return err
	}
	block, _ := pem.Decode(content)
	if block == nil || !bytes.Equal(block.Bytes, certificate) {
		return fmt.Errorf(
			"the deployment specification is signed by another signer than the first one that this host met, which is "+
				"in %s. "+
				"If the server was set up anew, remove that file; else somebody else answers in its place", p.path)
	}
	return nil
}

func parseSpecification(content []byte) (*specification, error) {
	s := &specification{}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("the deployment specification is no JSON: %w", err)
	}
	if strings.HasPrefix(s.DeploymentId, "arn:") {
		s.DeploymentId = s.DeploymentId[strings.LastIndexByte(s.DeploymentId, '/')+1:]
	}
	for name, value := range map[string]string{"DeploymentId": s.DeploymentId,
		"DeploymentGroupId": s.DeploymentGroupId} {
		if !segment().MatchString(value) {
			return nil, fmt.Errorf("the deployment specification has the %s %q, which can't name a folder", name, value)
		}
	}
	if s.ApplicationName == "" || s.DeploymentGroupName == "" {
		return nil, errors.New("the deployment specification has no ApplicationName or no DeploymentGroupName")
	}
	s.DeploymentCreator = cmp.Or(s.DeploymentCreator, "user")
	s.DeploymentType = cmp.Or(s.DeploymentType, "IN_PLACE")
	s.AppSpecFilename = cmp.Or(s.AppSpecFilename, "appspec.yml")
	if s.ReuseArchiveFromDeploymentId != "" && !segment().MatchString(s.ReuseArchiveFromDeploymentId) {
		return nil, fmt.Errorf("the deployment specification would reuse the archive of %q, which can't name a folder",
			s.ReuseArchiveFromDeploymentId)
	}
	return s, s.checkRevision()
}

func (s *specification) checkRevision() error {
	r := s.Revision.S3Revision
	if s.Revision.RevisionType != "S3" || r.Bucket == "" || r.Key == "" {
		return fmt.Errorf(
			"the revision is of the type %q; this agent fetches revisions from S3, with a bucket and a key",
			s.Revision.RevisionType)
	}
	if r.BundleType != "zip" && r.BundleType != "tar" && r.BundleType != "tgz" {
		return fmt.Errorf("the bundle is of the type %q; it must be zip, tar or tgz", r.BundleType)
	}
	return nil
}

// behavior is what to do with a file that is there already, unless the application specification says it.
func (s *specification) behavior() string {
	if b := strings.ToUpper(s.AgentActionOverrides.AgentOverrides.FileExistsBehavior); b != "" {
		return b
	}
	return "DISALLOW"
}

func (s *specification) dir() string { return deploymentDir(s.DeploymentGroupId, s.DeploymentId) }

func (s *specification) environment(event string) []string {
	r := s.Revision.S3Revision
	return []string{"LIFECYCLE_EVENT=" + event, "DEPLOYMENT_ID=" + s.DeploymentId,
		"APPLICATION_NAME=" + s.ApplicationName,
		"DEPLOYMENT_GROUP_NAME=" + s.DeploymentGroupName, "DEPLOYMENT_GROUP_ID=" + s.DeploymentGroupId,
		"BUNDLE_BUCKET=" + r.Bucket, "BUNDLE_KEY=" + r.Key, "BUNDLE_VERSION=" + r.Version, "BUNDLE_ETAG=" + r.ETag}
}
