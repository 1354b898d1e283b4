import Registry
import ServiceKit

await ServiceHost.main(RegistryServer.self)
