/** What `--accept-changed` does, for every command that has it. */
export const acceptChangedSummary = 'go on although the functions have changed since the run was last worked on'
