enum ChangeFeedPlaceholder {}
