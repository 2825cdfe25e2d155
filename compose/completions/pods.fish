# TAB for pods.sh in fish. Asks the checkout that printed this, not whatever pods.sh is typed.
function __pods_candidates
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l found (@pods@ --complete -- $words[2..] (commandline --current-token --cut-at-cursor) 2> /dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path (commandline --current-token)
    end
end
complete --command pods.sh --no-files --arguments '(__pods_candidates)'
