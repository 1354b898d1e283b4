import FundingPolicy
import ServiceKit

await ServiceHost.main(FundingPolicyDefinition.self)
