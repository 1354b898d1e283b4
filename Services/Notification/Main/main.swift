import Notification
import ServiceKit

await ServiceHost.main(NotificationDefinition.self)
