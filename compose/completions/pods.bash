# TAB for pods.sh in bash. Asks the checkout that printed this, not whatever pods.sh is typed.
_pods() {
    local IFS=$'\n' current=${COMP_WORDS[COMP_CWORD]} found
    [[ $current != = ]] || current= # of --flag=value
    found=$(@pods@ --complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null | cut -f 1)
    COMPREPLY=($(compgen -W "$found" -- "$current"))
}
complete -o default -F _pods pods.sh
