enum SharedPlaceholder {}
