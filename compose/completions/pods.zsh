# TAB for pods.sh in zsh. Asks the checkout that printed this, not whatever pods.sh is typed.
_pods() {
    local -a found
    found=(${(f)"$(@pods@ --complete -- "${(@)words[2,CURRENT]}" 2> /dev/null)"})
    found=("${(@)found/$'\t'/:}") # _describe wants word:help
    (( $#found )) && _describe command found || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _pods pods.sh
