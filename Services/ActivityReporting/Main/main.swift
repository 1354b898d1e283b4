import ActivityReporting
import ServiceKit

await ServiceHost.main(ActivityReportingService.self)
