//! What is said of containers.

use super::check;

#[test]
fn what_a_container_is_to_be_is_told_in_words_that_are_known() {
    let list = "containers = [\"name=ok-*\", \"nmae=x\", \"id=3f\", \"label=a=b\", 7]\n";
    check(
        &format!("[[agents]]\nid = \"a\"\n{list}"),
        &[
            "3:28: `agents[1].containers[2]`: `nmae` is nothing that is known of a container; begin with \
             `name=`, `image=`, `label=`, `id=`, `pod=` or `namespace=`",
            "3:38: `agents[1].containers[3]`: \"3f\" is no id of a container; give the first 12 digits \
             of it or more, as `docker ps` or `crictl ps` shows them, in small letters",
            "3:60: `agents[1].containers[5]` must be a string, but it is integer `7`",
        ],
    );
    check(
        "[[agents]]\nid = \"a\"\ncontainer = [\"name=x\"]\n",
        &["3:1: unknown key `container` in `agents[1]`; did you mean `containers`?"],
    );
    check(
        "[capture]\ncontainer_sockets = [\"/ok\", \"docker.sock\"]\n",
        &[
            "2:29: `capture.container_sockets[2]`: \"docker.sock\" is not an absolute path; begin it \
           with `/`",
        ],
    );
}
