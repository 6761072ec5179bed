package runner
import ("testing";"os";"context")
func TestZZ(t *testing.T){
 l:=newLogbook(os.Stdout); o,_:=newOutput(l); b,_:=newBox(t.TempDir(),nil,0)
 s:=&shell{box:b,argv:[]string{"bash","--norc","--noprofile"},env:baseEnvironment(),out:o,initial:":"}
 s.run(context.Background(),"V=1")
 os.WriteFile("/tmp/st",[]byte(assignable(s.state)),0644); s.stop()
}
