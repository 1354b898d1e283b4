enum FundingPolicyPlaceholder {}
