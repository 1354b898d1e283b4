enum ActivityReportingPlaceholder {}
