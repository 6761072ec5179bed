package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestFullDisk fills the disk of the data folder to its last byte: uploads are refused with the reason, commits of the
// database are not lost, and all goes on once there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can mount a small disk; run the test as root")
	}
	disk := folder(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no tmpfs can be mounted here (%v: %s); run the test as root outside of a container", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", disk).Run() })
	i := prepare(t, "")
	t.Cleanup(func() { i.stop() }) // before the disk goes
	i.data = filepath.Join(disk, "data")
	i.start()
	i.bucket("box", false)

	ballast := filepath.Join(disk, "ballast")
	if out, err := exec.Command("sh", "-c", "cat /dev/zero > "+ballast).CombinedOutput(); err == nil {
		t.Fatalf("the disk did not fill: %s", out)
	}
	repositories := codecommit.NewFromConfig(i.sdk())
	for n := range 50 { // each takes pages of the database
		name := fmt.Sprintf("d%d", n)
		if _, err := repositories.UpdateRepositoryDescription(t.Context(),
			&codecommit.UpdateRepositoryDescriptionInput{RepositoryName: &name}); err == nil {
			t.Fatal("a repository that is not there was changed")
		}
		if out, err := i.slipway("api", "cloudwatch", "PutMetricAlarm",
			fmt.Sprintf(
				`{"AlarmName": "a%d", "AlarmDescription": %q, "MetricName": "m", "Namespace": "n", "Statistic": "Sum",
			"Period": 60, "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}`, n, strings.Repeat("x", 900))); err != nil {
			t.Fatalf("a commit of the database failed on a full disk: %v\n%s", err, out)
		}
	}
	objects := s3.NewFromConfig(i.sdk(), func(o *s3.Options) { o.UsePathStyle = true })
	put := func() error {
		_, err := objects.PutObject(t.Context(),
			&s3.PutObjectInput{Bucket: new("box"), Key: new("k"), Body: strings.NewReader("x")})
		return err
	}
	if err := put(); err == nil || !strings.Contains(err.Error(), "disk is nearly full") {
		t.Errorf("an upload onto a full disk: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != nil {
		t.Errorf("an upload once there is room: %v", err)
	}
}
