/// Implements `TransactionTrait` by `begin_transaction`.
macro_rules! begin_as {
    ($Type:ty) => {
        #[async_trait::async_trait]
        impl sea_orm::TransactionTrait for $Type {
            type Transaction = $crate::services::database::Transaction;

            async fn begin(&self) -> Result<Self::Transaction, sea_orm::DbErr> {
                self.begin_transaction(sea_orm::TransactionOptions::default()).await
            }

            async fn begin_with_config(
                &self,
                isolation_level: Option<sea_orm::IsolationLevel>,
                access_mode: Option<sea_orm::AccessMode>,
            ) -> Result<Self::Transaction, sea_orm::DbErr> {
                let options = sea_orm::TransactionOptions { isolation_level, access_mode, ..Default::default() };
                self.begin_transaction(options).await
            }

            async fn begin_with_options(
                &self,
                options: sea_orm::TransactionOptions,
            ) -> Result<Self::Transaction, sea_orm::DbErr> {
                self.begin_transaction(options).await
            }

            async fn transaction<F, T, E>(&self, callback: F) -> Result<T, sea_orm::TransactionError<E>>
            where
                F: for<'c> FnOnce(&'c Self::Transaction) -> futures::future::BoxFuture<'c, Result<T, E>> + Send,
                T: Send,
                E: std::fmt::Display + std::fmt::Debug + Send,
            {
                self.begin().await?.run(callback).await
            }

            async fn transaction_with_config<F, T, E>(
                &self,
                callback: F,
                isolation_level: Option<sea_orm::IsolationLevel>,
                access_mode: Option<sea_orm::AccessMode>,
            ) -> Result<T, sea_orm::TransactionError<E>>
            where
                F: for<'c> FnOnce(&'c Self::Transaction) -> futures::future::BoxFuture<'c, Result<T, E>> + Send,
                T: Send,
                E: std::fmt::Display + std::fmt::Debug + Send,
            {
                self.begin_with_config(isolation_level, access_mode).await?.run(callback).await
            }
        }
    };
}
